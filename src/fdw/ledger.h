// What the extension remembers of its runs in tables of its own: pendo_fdw_runs
// has a row for each run, pendo_fdw_rejects the records that have not arrived.
// All functions but the last two need a transaction that can still commit; they
// work in XACT_EVENT_PRE_COMMIT, for any role and under any setting of the
// session. They take a lock that lasts until the transaction ends, so send all
// runs of a transaction first and write the ledger last. Triggers on the two
// tables fire; PostgreSQL refuses deferred ones.
#pragma once

#include "fdw/compat.h"
#include "fdw/spool.h"

// What became of a record: the kinds of entries in a spool of results. Payload
// of an entry: see pendo_ledger_put().
enum PendoResultKind : uint8 {
  kPendoApplied = 'A',
  kPendoMissing = 'M',
  kPendoInvalid = 'I',
  kPendoUncertain = 'U',
};

// One run, all texts in the database's encoding.
struct PendoRunRow {
  const char* server;
  const char* object;
  const char* table_name;
  const char* delivery;
  const char* sync_name;  // nullptr or empty: none
  Oid role;               // whose rows these are
  Oid table;              // the foreign table, for pendo_ledger_mark_failed()
  TimestampTz started;
  int64 records;
  int64 applied;
  int64 missing;
  int64 invalid;
  int64 uncertain;
  int64 duplicates;
  int64 unchanged;
  int64 calls;
};

// The setting pendo_fdw.sync_name.
extern char* pendo_sync_name;

// Called once per session, before the prefix of the settings is reserved.
void pendo_ledger_init();

// ERROR where the extension's SQL is of another version than this library: before
// anything is sent, and before a function of it makes a row.
void pendo_ledger_require();

// Adds a result. `values` (JSON) and `message` are UTF-8, empty where there are
// none.
void pendo_ledger_put(PendoSpool* results, PendoResultKind kind, std::string_view id, std::string_view values,
                      std::string_view message);

// Such a payload, palloc'd; of any two texts.
std::string_view pendo_join_result(std::string_view values, std::string_view message);

// Writes the run's row with status 'done', returns its number.
int64 pendo_ledger_add_run(const PendoRunRow* row);
// Brings the counts of a row that is there up to date.
void pendo_ledger_update_run(int64 run, const PendoRunRow* row);

// Under SERIALIZABLE: an ERROR now, if writing the ledger later would be one.
void pendo_ledger_check_conflicts();

// Is any record of this object known as a reject? What it says may be out of
// date when the ledger is written; pendo_ledger_take() asks again by itself.
bool pendo_ledger_has_rejects(const char* server, const char* object);

// Brings pendo_fdw_rejects up to date. Of an id that is in the results more than
// once, the last result counts; a record has one state, so that each result
// removes the rows with other reasons, and 'applied' removes all.
void pendo_ledger_take(int64 run, const PendoRunRow* row, PendoSpool* results);

// For XACT_EVENT_ABORT: a LOG line, and a background worker that writes the run's
// row with status 'failed'. Never fails: where no worker is to be had, the LOG
// line says so.
void pendo_ledger_mark_failed(const PendoRunRow* row, const char* sqlstate);
