// The window of a scan of counts: what conditions on period_start, the table's
// default_window and the subscription's time zone make of it.
#pragma once

#include "core/condition.h"
#include "core/event_counts.h"
#include "fdw/compat.h"
#include "fdw/table.h"

struct PendoWindow {
  bool none;       // no period can meet the conditions
  int64 first_ms;  // since 1970
  int64 last_ms;
  int64 now_ms;
};

// As of the beginning of the transaction. `condition` with its values.
PendoWindow pendo_window(const PendoTable* table, const pendo::Condition* condition);

// In words, palloc'd: "the last 30 days", "from ... until ...".
const char* pendo_window_text(const PendoTable* table, const pendo::Condition* condition);

// The borders as JSON, or as symbols where an EXPLAIN does not know them.
struct PendoWindowBorders {
  const char* first;
  const char* last;
};
PendoWindowBorders pendo_window_borders(const PendoTable* table, const pendo::Condition* condition);

const pendo::CountPeriod* pendo_count_period(const PendoTable* table);
