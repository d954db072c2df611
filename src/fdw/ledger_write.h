// How the ledger's tables are reached: as their owner, with names and settings
// that the session cannot bend. For ledger*.cpp only.
#pragma once

#include "fdw/compat.h"

extern "C" {
#include "executor/spi.h"
}

// The extension in this database.
struct PendoExtension {
  Oid id;
  Oid owner;
  const char* schema;  // quoted
  Oid namespace_id;
};

// ERROR where it is not installed and `missing_ok` is false; else false. Also an
// ERROR where its SQL is of another version than this library.
bool pendo_find_extension(PendoExtension* extension, bool missing_ok);

// A table of it; ERROR where it is not there.
Oid pendo_ledger_table(const PendoExtension* extension, const char* name);

enum class LedgerRole {
  kOwner,   // of the tables
  kAdder,   // the same, of statements that add rows and look for none: no setting helps them
  kCaller,  // whoever runs the statement; row security is on
};

// Between begin and end: SPI is connected, statements find pg_catalog alone, and
// the user is who `role` says. After an ERROR the abort of the (sub)transaction
// restores all of it.
struct LedgerScope {
  PendoExtension extension;
  Oid user;
  int security;
  int guc_level;
  bool read_only;
};

void pendo_ledger_begin(LedgerScope* scope, LedgerRole role);
void pendo_ledger_end(LedgerScope* scope);

// Lets the statements of a scope write although the transaction was made read
// only in the meantime. Only for what has been sent already.
void pendo_ledger_force_writable(LedgerScope* scope);

// Prepares `sql`, in which every @ stands for the extension's schema and a dot.
SPIPlanPtr pendo_ledger_prepare(const LedgerScope* scope, const char* sql, int nargs, Oid* types);

// The same, kept for the session: for statements that many small transactions run.
// `sql` must be a constant, whose place tells it from others.
SPIPlanPtr pendo_ledger_kept(const LedgerScope* scope, const char* sql, int nargs, Oid* types);

// Runs it on what is committed now, whatever the isolation level: rows that other
// runs wrote since this transaction's snapshot would be errors. Returns the number
// of rows.
int64 pendo_ledger_run(SPIPlanPtr plan, Datum* values, const char* nulls);

// An array for a statement; `nulls` nullptr: none is NULL.
Datum pendo_ledger_array(Datum* elements, bool* nulls, int count, Oid type);

// Until the transaction ends. Who changes rejects waits for its turn, so that
// nobody meets a row that was changed under its snapshot, and nobody two rows in
// another order than somebody else.
void pendo_ledger_lock_rejects(const PendoExtension* extension);
// For deleting old runs; taken before the lock above. False: not `wait`, and
// somebody else has it.
bool pendo_ledger_lock_retention(const PendoExtension* extension, bool wait);

// Writes a run's row inside a scope of the owner; `sqlstate` nullptr: it is done.
struct PendoRunRow;
int64 pendo_ledger_insert_run(const LedgerScope* scope, const PendoRunRow* row, const char* sqlstate);

// Deletes runs that ended before `oldest`, at most `limit`, 0: all. `caller`: only
// those of roles that this one is a member of; InvalidOid: of all.
int64 pendo_ledger_delete_runs(const LedgerScope* scope, TimestampTz oldest, int64 limit, Oid caller);

// The session's memory of the runs that its last transaction made.
void pendo_ledger_remember_run(int64 run);
void pendo_ledger_session_init();
