// Descriptions of foreign tables, kept for the session: a trigger that writes a row
// at a time would look at every column's options for each.
#pragma once

#include "fdw/table.h"

// What pendo_table() gives, as the catalog is now. Lives until the transaction ends,
// even where the table is altered meanwhile. `version` (or nullptr): see
// pendo_table_version().
const PendoTable* pendo_kept_table(Oid relid, Oid user, uint64* version);

// The version alone; nothing is looked at where no catalog has changed.
uint64 pendo_kept_version(Oid relid, Oid user);

// Differs after a change of a table, a schema, a role, a function or of what belongs
// to a server that this session has heard of.
uint64 pendo_catalog_changes();

void pendo_kept_table_init();
