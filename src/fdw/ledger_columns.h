// Rows that one statement writes, column by column: what unnest() takes.
#pragma once

#include "fdw/compat.h"

struct LedgerColumns {
  static constexpr int kMost = 6;

  int rows;
  Datum* values[kMost];
  bool* nulls[kMost];

  void set(int column, Datum value) { values[column][rows] = value; }
  void set_or_null(int column, Datum value, bool isnull) {
    values[column][rows] = isnull ? Datum(0) : value;
    nulls[column][rows] = isnull;
  }
};

// So many columns of up to `most` rows, in the current memory context. Fill a row
// with set(), then count it.
void pendo_begin_columns(LedgerColumns* columns, int count, int most);

Datum pendo_column_array(const LedgerColumns* columns, int number, Oid type);
