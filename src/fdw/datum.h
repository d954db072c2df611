// Between Datums and the core's Values.
#pragma once

#include "core/value.h"
#include "fdw/compat.h"
#include "fdw/table.h"

// Reading. Bad values are an ERROR or NULL as the table's on_bad_value says;
// `row_key` names the record in the message.
Datum pendo_to_datum(const PendoTable* table, const PendoColumn* column, const pendo::Value& value,
                     std::string_view row_key, bool* isnull);

// Can a record's value in this column be that one? Not, if it is too long, out of
// range or too exact.
bool pendo_can_hold(const PendoColumn* column, const pendo::Value& value);

// Writing. Views point into palloc'd memory of the current context.
pendo::Value pendo_from_datum(const PendoColumn* column, Datum datum, bool isnull);

// The text of a key Datum in UTF-8, as a view into palloc'd memory.
std::string_view pendo_key_text(Datum datum);

// A finite time in microseconds since 1970; the largest number for what is
// beyond every time that Pendo can hold.
int64 pendo_unix_time(TimestampTz time);
