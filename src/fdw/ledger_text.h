// How ids, values and Pendo's words are written into pendo_fdw_rejects, in any
// encoding of the database and without ever an error. For ledger.cpp only.
#pragma once

#include <string_view>

#include "fdw/compat.h"

// An id that the database can hold is itself. Other ids, and those that begin
// with U&' themselves, are written as PostgreSQL writes such a literal,
// U&'caf\00E9', which nothing else is taken for; bytes that are no UTF-8 are
// \DC80 to \DCFF. An index takes no more than some 2,600 bytes: what is longer
// than 2,500 is cut, with its size and SHA-256 in place of the rest.
Datum pendo_ledger_id(std::string_view id);

// JSON as jsonb. What jsonb cannot hold (\u0000, numbers beyond numeric,
// characters beyond the encoding) is a JSON string with the text in it; over
// 256 kB, or empty: NULL.
Datum pendo_ledger_values(std::string_view json, bool* isnull);

// At most 8 kB are kept. Empty: NULL.
Datum pendo_ledger_message(std::string_view message, bool* isnull);
