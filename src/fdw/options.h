// Options of servers, user mappings, tables and IMPORT FOREIGN SCHEMA: what they
// amount to.
#pragma once

#include "bridge/bridge.h"
#include "core/config.h"
#include "core/field_values.h"
#include "fdw/compat.h"
#include "fdw/option_rules.h"

enum class BadValue { kError, kNull };

// What becomes of an event that Pendo is likely to take and not to show.
enum class Guard { kWarn, kReject, kError };
enum class Delivery { kCommit, kStatement, kOutbox };

// What holds for one table and one user: server, table and mapping together.
struct PendoOptions {
  PendoConfigText config;
  pendo::CallOptions call;
  BadValue on_bad_value = BadValue::kError;
  Guard on_guard = Guard::kWarn;
  bool updatable = true;
  // of writing
  Delivery delivery = Delivery::kCommit;
  int64 delivery_timeout_ms = 900'000;
  PendoLimit reject_limit;
  PendoLimit missing_limit;
  bool only_changes = false;
  bool create_missing = false;
  bool refuse_duplicates = false;
  pendo::NullAs null_as = pendo::NullAs::kNull;
  // of the outbox
  int max_attempts = 10;
  // of counts
  bool by_hour = false;
  const char* default_window = "30 days";
  const char* time_zone = nullptr;  // of the subscription; nullptr: not known
};

// The user's mapping or the one for everybody, for ReleaseSysCache; invalid: neither.
HeapTuple pendo_mapping_row(Oid server, Oid user);

// Options of a server as seen by `user`; the user mapping may be missing.
PendoOptions pendo_server_options(ForeignServer* server, Oid user);

// The same with the table's own on top.
PendoOptions pendo_table_options(ForeignTable* table, Oid user);

// Does the option of the table or the session ask to compare with Pendo first?
bool pendo_compares_first(const PendoOptions& options);

// The option delivery as a word.
const char* pendo_delivery_word(Delivery delivery);

// How long the keys of events of a server are known, as an interval.
const char* pendo_ledger_retention(ForeignServer* server);

// GUC pendo_fdw.only_changes.
extern bool pendo_only_changes;

// The options updatable and create_missing alone; for catalogs, they never fail.
bool pendo_is_updatable(const ForeignTable* table, const ForeignServer* server);
bool pendo_creates_missing(const ForeignTable* table, const ForeignServer* server);

// Options of an IMPORT FOREIGN SCHEMA.
struct PendoImportOptions {
  bool include_hidden = false;
  bool include_deleted = false;
  const char* on_bad_value = nullptr;
  List* groups = NIL;  // of strings; NIL: all
};
PendoImportOptions pendo_import_options(List* options);
