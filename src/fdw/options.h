// Options of servers, user mappings, tables, columns and IMPORT FOREIGN SCHEMA:
// which there are, what is allowed, and what they amount to.
#pragma once

#include "bridge/bridge.h"
#include "core/config.h"
#include "fdw/compat.h"

enum class BadValue { kError, kNull };

// What holds for one table and one user: server, table and mapping together.
struct PendoOptions {
  PendoConfigText config;
  pendo::CallOptions call;
  BadValue on_bad_value = BadValue::kError;
  bool updatable = true;
  // of counts
  bool by_hour = false;
  const char* default_window = "30 days";
  const char* time_zone = nullptr;  // of the subscription; nullptr: not known
};

// Options of a server as seen by `user`; the user mapping may be missing.
PendoOptions pendo_server_options(ForeignServer* server, Oid user);

// The same with the table's own on top.
PendoOptions pendo_table_options(ForeignTable* table, Oid user);

// The option updatable alone; for catalogs, never fails.
bool pendo_is_updatable(ForeignTable* table);

// Options of an IMPORT FOREIGN SCHEMA.
struct PendoImportOptions {
  bool include_hidden = false;
  bool include_deleted = false;
  const char* on_bad_value = nullptr;
  List* groups = NIL;  // of strings; NIL: all
};
PendoImportOptions pendo_import_options(List* options);
