// The list of runs of the current transaction and its callbacks.
#include "fdw/run.h"

#include "fdw/delivery.h"
#include "fdw/kept_table.h"
#include "fdw/ledger.h"

bool pendo_dry_run_on = false;

namespace {

PendoRun* runs = nullptr;

template <class T>
PendoBox<T>* new_object(MemoryContext context) {
  PendoBox<T>* box = pendo_box<T>(context);
  pendo_make(box, [](pendo::Failure&) { return std::make_unique<T>(); });
  return box;
}

PendoRun* new_run(Oid relid, Oid user) {
  pendo_ledger_require();
  MemoryContext context = AllocSetContextCreate(TopTransactionContext, "pendo_fdw run", ALLOCSET_SMALL_SIZES);
  auto* run = static_cast<PendoRun*>(MemoryContextAllocZero(context, sizeof(PendoRun)));
  run->context = context;
  run->relid = relid;
  run->user = user;
  run->dry = pendo_dry_run_on;
  run->started = GetCurrentTimestamp();
  run->fields = pendo_box<pendo::FieldTable>(context);
  pendo_open_fields(run->fields);
  run->outcome = new_object<pendo::Outcome>(context);
  run->total = new_object<pendo::Outcome>(context);
  PendoRun** end = &runs;
  while (*end) end = &(*end)->next;
  *end = run;
  return run;
}

PendoRun* find_run(Oid relid, Oid user) {
  for (PendoRun* run = runs; run; run = run->next) {
    if (run->relid == relid && run->user == user && run->dry == pendo_dry_run_on) return run;
  }
  return nullptr;
}

// What waits was made for the table as it was, and a ROLLBACK TO could undo the
// change but not the records of before.
void refuse_altered(const PendoRun* run) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                  errmsg("cannot write to %s: it, its server or the user mapping was altered while this transaction has " INT64_FORMAT
                         " records for it that are not sent yet", run->table->name, pendo_log_count(run)),
                  errhint("They are sent when the transaction commits. ALTER it in a transaction of its own.")));
}

// The table as it is now: options may have changed since the last statement.
void refresh_table(PendoRun* run) {
  uint64 version = 0;
  const PendoTable* table = pendo_kept_table(run->relid, run->user, &version);
  if (run->table && version == run->table_version) return;
  if (run->table && pendo_has_unsent(run)) refuse_altered(run);
  run->table_version = version;
  run->table = table;
}

void add_outcome(pendo::Outcome* sum, const pendo::Outcome& part) noexcept {
  try {
    sum->add(part);
  } catch (const std::bad_alloc&) {
    // the counts come first in add(), only texts of examples are lost
  }
}

void unlink(PendoRun* run, const PendoSending* sending) {
  PendoSending** link = &run->sendings;
  while (*link != sending) link = &(*link)->next;
  *link = sending->next;
}

// After an error: the calls end, and what they leave open is uncertain. Results
// stay where they are until there is time to write them.
void abandon(PendoSending* sending) {
  if (sending->writer->get()) sending->writer->get()->abandon();
  sending->abandoned = true;
}

void at_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
  bool aborted = event == SUBXACT_EVENT_ABORT_SUB;
  if (!aborted && event != SUBXACT_EVENT_COMMIT_SUB) return;
  int level = GetCurrentTransactionNestLevel();
  for (PendoRun* run = runs; run; run = run->next) {
    if (run->log) pendo_spool_at_subxact(run->log, event);
    for (PendoSending* sending = run->sendings; sending; sending = sending->next) {
      if (sending->level < level) continue;
      sending->level = level - 1;
      if (aborted) abandon(sending);
    }
  }
}

// Rows of the ledger and their locks would wait for the second phase, and what
// was sent could still be rolled back.
void refuse_prepare() {
  for (PendoRun* run = runs; run; run = run->next) {
    if (!pendo_has_unsent(run) && pendo_total_outcome(run)->records == 0) continue;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot prepare a transaction that has records for %s", run->table->name),
                    errhint("Use COMMIT.")));
  }
}

// What was sent stays in Pendo; the run's row tells of it.
void mark_failed() {
  for (PendoRun* run = runs; run; run = run->next) {
    for (PendoSending* sending = run->sendings; sending; sending = sending->next) abandon(sending);
    pendo::Outcome* outcome = pendo_total_outcome(run);
    if (run->dry || outcome->calls == 0 || !run->table) continue;
    PendoRunRow row = pendo_run_row(run);
    pendo_ledger_mark_failed(&row, pendo_last_sqlstate());
  }
}

void forget_runs() {
  for (PendoRun* run = runs; run; run = run->next) {
    for (PendoSending* sending = run->sendings; sending; sending = sending->next) MemoryContextDelete(sending->context);
    run->sendings = nullptr;
  }
  runs = nullptr;
  pendo_end_delivery();
}

void at_transaction(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_PREPARE:
      refuse_prepare();
      pendo_deliver_all();  // dry runs and unchanged records have something to tell
      break;
    case XACT_EVENT_PRE_COMMIT:
      pendo_deliver_all();
      break;
    case XACT_EVENT_ABORT:
      mark_failed();
      forget_runs();
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PREPARE:
      forget_runs();
      break;
    default:
      break;
  }
}

}  // namespace

void pendo_run_init() {
  RegisterXactCallback(at_transaction, nullptr);
  RegisterSubXactCallback(at_subtransaction, nullptr);
}

PendoRun* pendo_runs() { return runs; }

PendoRun* pendo_run_of(Oid relid, Oid user) {
  PendoRun* run = find_run(relid, user);
  if (!run) run = new_run(relid, user);
  if (run->log_done) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot write to %s any more: its records of this transaction were sent", run->table->name),
                    errhint("This comes from a trigger that runs while the transaction commits.")));
  }
  pendo_end_abandoned(run);
  refresh_table(run);
  return run;
}

PendoSpool* pendo_run_log(PendoRun* run) {
  if (!run->log) run->log = pendo_spool_new(true);
  return run->log;
}

int64 pendo_log_count(const PendoRun* run) {
  if (!run->log) return 0;
  return pendo_spool_count(run->log, kLogRecord) + pendo_spool_count(run->log, kLogEvent) +
         pendo_spool_count(run->log, kLogKeyedEvent) + pendo_spool_count(run->log, kLogInvalid);
}

void pendo_end_log(PendoRun* run) {
  pendo_spool_end(run->log);
  run->log = nullptr;
  run->shards = 0;
}

bool pendo_has_unsent(const PendoRun* run) { return run->log && !run->log_done && pendo_log_count(run) > 0; }

bool pendo_is_for_outbox(const PendoRun* run) { return run->table && run->table->options.delivery == Delivery::kOutbox && !run->dry; }

void pendo_refuse_if_altered(const PendoRun* run) {
  if (!pendo_has_unsent(run) || run->dry) return;
  // a table that this transaction has dropped: nobody else can have altered it
  if (!SearchSysCacheExists1(FOREIGNTABLEREL, ObjectIdGetDatum(run->relid))) return;
  if (pendo_kept_version(run->relid, run->user) == run->table_version) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                  errmsg("cannot send " INT64_FORMAT " records to %s: it, its server or the user mapping was altered meanwhile",
                         pendo_log_count(run), run->table->name),
                  errhint("Nothing was sent at the commit. Run the transaction again.")));
}

PendoSending* pendo_begin_sending(PendoRun* run, PendoClientRef* client, const pendo::CallOptions& options) {
  MemoryContext context = AllocSetContextCreate(run->context, "pendo_fdw sending", ALLOCSET_SMALL_SIZES);
  auto* sending = static_cast<PendoSending*>(MemoryContextAllocZero(context, sizeof(PendoSending)));
  sending->context = context;
  sending->level = GetCurrentTransactionNestLevel();
  sending->writer = pendo_box<pendo::Writer>(context);
  if (run->table->object->write == pendo::WriteCall::kTrackEvent) {
    pendo_open_sender(sending->writer, client, options);
  } else {
    pendo_open_update(sending->writer, client, run->table->object, run->fields->get(), options);
  }
  sending->next = run->sendings;
  run->sendings = sending;
  return sending;
}

void pendo_end_sending(PendoRun* run, PendoSending* sending) {
  pendo_take_results(run, sending);
  add_outcome(run->outcome->get(), sending->writer->get()->outcome());
  unlink(run, sending);
  MemoryContextDelete(sending->context);
}

namespace {

PendoResultKind kind_of(pendo::RecordResult::Kind kind) {
  switch (kind) {
    case pendo::RecordResult::Kind::kMissing: return kPendoMissing;
    case pendo::RecordResult::Kind::kInvalid: return kPendoInvalid;
    case pendo::RecordResult::Kind::kUncertain: return kPendoUncertain;
    default: return kPendoApplied;
  }
}

}  // namespace

void pendo_take_results(PendoRun* run, PendoSending* sending) {
  if (run->dry) return;
  if (!run->result) run->result = new_object<pendo::RecordResult>(run->context);
  pendo::RecordResult* result = run->result->get();
  while (sending->writer->get()->next_result(*result)) {
    if (!run->results) run->results = pendo_spool_new(false);
    if (result->kind != pendo::RecordResult::Kind::kApplied) ++run->failures;
    pendo_ledger_put(run->results, kind_of(result->kind), result->id, result->values, result->message);
  }
}

void pendo_end_abandoned(PendoRun* run) {
  for (PendoSending* sending = run->sendings; sending;) {
    PendoSending* next = sending->next;
    if (sending->abandoned) pendo_end_sending(run, sending);
    sending = next;
  }
}

static void add_invalid(pendo::Outcome* outcome, std::string_view id, std::string_view why) noexcept {
  try {
    ++outcome->records;
    outcome->add_invalid(id, why);
  } catch (const std::bad_alloc&) {
    // counted; only the text of an example is lost
  }
}

static void add_doubtful(pendo::Outcome* outcome, std::string_view label, std::string_view why) noexcept {
  try {
    outcome->add_doubtful(label, why);
  } catch (const std::bad_alloc&) {
    // counted; only the text of an example is lost
  }
}

void pendo_count_doubtful(PendoRun* run, std::string_view label, std::string_view why) {
  add_doubtful(run->outcome->get(), label, why);
}

void pendo_split_result(std::string_view payload, std::string_view* values, std::string_view* message) {
  uint32 size = 0;
  memcpy(&size, payload.data(), sizeof size);
  *values = payload.substr(sizeof size, size);
  *message = payload.substr(sizeof size + size);
}

void pendo_count_invalid(PendoRun* run, std::string_view id, std::string_view why) {
  add_invalid(run->outcome->get(), id, why);
  ++run->failures;
}

void pendo_put_invalid(PendoRun* run, std::string_view id, std::string_view values, std::string_view why) {
  if (run->dry) return;
  if (!run->results) run->results = pendo_spool_new(false);
  pendo_ledger_put(run->results, kPendoInvalid, id, values, why);
}

void pendo_forget_outcome(PendoRun* run) {
  *run->outcome->get() = pendo::Outcome();
  run->failures = 0;
}

const char* pendo_object_name(const PendoTable* table) { return table->object->name.data(); }

pendo::Outcome* pendo_total_outcome(PendoRun* run) {
  pendo::Outcome* total = run->total->get();
  *total = pendo::Outcome();
  add_outcome(total, *run->outcome->get());
  for (PendoSending* sending = run->sendings; sending; sending = sending->next) add_outcome(total, sending->writer->get()->outcome());
  return total;
}

void pendo_refuse_unsent(const PendoTable* table) {
  for (PendoRun* run = runs; run; run = run->next) {
    bool same = run->table && run->table->server == table->server && run->table->object == table->object;
    // of delivery 'statement', only a dry run keeps them back; nobody expects to see what goes to the outbox
    bool is_expected = run->table && (run->table->options.delivery == Delivery::kCommit ||
                                      (run->dry && run->table->options.delivery == Delivery::kOutbox));
    if (!same || !pendo_has_unsent(run) || !is_expected) continue;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot read %s: this transaction has " INT64_FORMAT " records for %s that are not sent yet",
                           table->name, pendo_log_count(run), run->table->name),
                    errhint("They are sent when the transaction commits. Commit first, or set delivery 'statement'.")));
  }
}
