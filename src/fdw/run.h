// Runs: what one transaction writes to one foreign table on behalf of one user.
// Here is what a run keeps, and what becomes of it when a transaction or a
// subtransaction ends; delivery.h has the sending.
#pragma once

#include "bridge/open.h"
#include "core/writer.h"
#include "fdw/compat.h"
#include "fdw/ledger.h"
#include "fdw/spool.h"
#include "fdw/table.h"

// Calls under way, of a statement or at commit.
struct PendoSending {
  PendoSending* next;
  MemoryContext context;
  bool abandoned;
  int level;  // nesting level of the transaction that it belongs to
  PendoBox<pendo::Writer>* writer;
};

struct PendoRun {
  PendoRun* next;
  MemoryContext context;       // lives as long as the transaction
  Oid relid;
  Oid user;                    // whose user mapping
  bool dry;                    // nothing is sent
  const PendoTable* table;     // with the options of the latest statement
  uint64 table_version;
  TimestampTz started;
  PendoBox<pendo::FieldTable>* fields;
  PendoSpool* log;             // what waits to be sent, or nullptr
  bool log_done;               // it was sent
  uint64 shards;               // of the outbox, that what is in the log may belong to
  PendoSpool* results;         // what became of single records, or nullptr
  PendoSending* sendings;
  PendoBox<pendo::Outcome>* outcome;  // of sendings that have ended
  PendoBox<pendo::Outcome>* total;    // see pendo_total_outcome
  PendoBox<pendo::RecordResult>* result;
  PendoBox<pendo::DryCall>* dry_call;
  int64 unchanged;             // not sent, as Pendo has these values already
  int64 failures;              // records that were not taken, so far
  bool reported;               // its row is written
};

// Kinds of entries in a log.
enum PendoLogKind : uint8 {
  kLogRecord = 'R',     // id, values of a RecordEncoder
  kLogEvent = 'E',      // label, what an EventEncoder made
  kLogKeyedEvent = 'K', // label, see pendo_split_result(): event_key, what an EventEncoder made
  kLogDoubtful = 'D',  // label, why Pendo may not show the event, which is in the log as well
  kLogInvalid = kPendoInvalid,  // a result, see pendo_ledger_put()
  kLogStatement = 'S',  // of a dry run: a statement with delivery 'statement' ended
};

// GUC pendo_fdw.dry_run.
extern bool pendo_dry_run_on;

// The run of that table and user in this transaction; made if there is none. An
// ERROR while the transaction commits, once the run has been sent.
PendoRun* pendo_run_of(Oid relid, Oid user);

// All runs of this transaction, or nullptr.
PendoRun* pendo_runs();

PendoSpool* pendo_run_log(PendoRun* run);

// ERROR where records wait for a table that is not what it was when they were made:
// they would go elsewhere, or with another key.
void pendo_refuse_if_altered(const PendoRun* run);

// Records in the log, those included that cannot be sent.
int64 pendo_log_count(const PendoRun* run);
// The log was emptied; more may follow.
void pendo_end_log(PendoRun* run);
bool pendo_has_unsent(const PendoRun* run);
// Its records go into the outbox, and not to Pendo.
bool pendo_is_for_outbox(const PendoRun* run);

// The name of a run's object: "visitors".
const char* pendo_object_name(const PendoTable* table);

// A sending of that run, to be ended by pendo_end_sending; an error ends it too.
PendoSending* pendo_begin_sending(PendoRun* run, PendoClientRef* client, const pendo::CallOptions& options);
void pendo_end_sending(PendoRun* run, PendoSending* sending);

// Moves what a sending tells of single records into the run's results.
void pendo_take_results(PendoRun* run, PendoSending* sending);

// Ends the sendings that an aborted subtransaction has left.
void pendo_end_abandoned(PendoRun* run);

// A record that cannot be sent is counted, and its values as JSON and why are a
// result like any other.
void pendo_count_invalid(PendoRun* run, std::string_view id, std::string_view why);
void pendo_count_doubtful(PendoRun* run, std::string_view label, std::string_view why);
void pendo_put_invalid(PendoRun* run, std::string_view id, std::string_view values, std::string_view why);

// Splits the payload of a result, or of a pair of texts that is kept like one.
void pendo_split_result(std::string_view payload, std::string_view* values, std::string_view* message);

// As if nothing had been sent: for a dry run.
void pendo_forget_outcome(PendoRun* run);

// The outcome of all that the run has sent so far, what is under way included.
pendo::Outcome* pendo_total_outcome(PendoRun* run);

// ERROR when this transaction has records of the object that are not sent yet:
// a scan could not see them.
void pendo_refuse_unsent(const PendoTable* table);

void pendo_run_init();
