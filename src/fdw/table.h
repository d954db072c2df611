// A foreign table as the wrapper sees it: its object, and what each column is
// in Pendo.
#pragma once

#include "core/object.h"
#include "fdw/compat.h"
#include "fdw/options.h"

struct PendoColumn {
  AttrNumber attno;     // 0: dropped
  const char* name;
  const char* path;     // relative to the row: "visitorId", "metadata.custom.plan"
  const char* group;    // of a metadata field, else nullptr
  const char* field;
  Oid type;             // domains resolved
  int32 typmod;
  Oid collation;
  Oid domain;           // the declared type when it is a domain, else InvalidOid
  pendo::ColumnType json_type;
  bool is_key;
  bool strict;          // Pendo holds values of this type only, or none
  bool promised;        // that by the option strict_type
  bool in_rows;         // false: not for a filter, as Pendo is asked for it by other means
  bool generated;       // computed by PostgreSQL on writing; attno is 0
};

struct PendoTable {
  Oid relid;
  Oid server;
  Oid user;             // whose mapping is used
  const char* name;     // schema-qualified and quoted
  const pendo::ObjectDescriptor* object;
  PendoOptions options;
  int ncolumns;         // of the relation, dropped ones included
  PendoColumn* columns; // by attno - 1
  AttrNumber key;       // 0: the table has no key column
};

// Looks at the catalog, never at the network. Errors tell which column is wrong
// and how to mend it. `user` InvalidOid: the current one.
PendoTable* pendo_table(Oid relid, Oid user);

// Differs when pendo_table() would give something else: by the names and options of
// the table, its server and the user mapping, the role's and the schema's name, and by
// the names, types and options of columns.
uint64 pendo_table_version(Oid relid, Oid user);

// The object that a foreign table shows, nullptr where the option is missing.
const pendo::ObjectDescriptor* pendo_object_of(ForeignTable* foreign);

// The column of that path, or nullptr.
const PendoColumn* pendo_find_path(const PendoTable* table, const char* path);

inline const PendoColumn* pendo_column(const PendoTable* table, AttrNumber attno) {
  return &table->columns[attno - 1];
}
