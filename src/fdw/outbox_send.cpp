// Sending a chunk. What is settled is committed while the rest is under way; when
// the statement is cancelled, what was settled by then is committed first.
#include "fdw/outbox_send.h"

#include "bridge/open.h"
#include "fdw/session.h"

extern "C" {
#include "executor/spi.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace {

// Settled rows are committed when there are so many, or after that time: what is
// not committed when the server dies is sent again.
constexpr int64 kRecordsAtOnce = 1000;
constexpr int kEventsAtOnce = 100;
constexpr int64 kLongestUs = 250'000;
constexpr int kLookEveryMs = 100;
// How long calls under way may go on after max_runtime.
constexpr int64 kGraceUs = 5'000'000;

struct Sending {
  OutboxDelivery* delivery;
  OutboxChunk* chunk;
  const PendoOptions* options;
  OutboxRun* run;
  MemoryContext context;
  bool* told;                 // by record: it is in the run's counts
  PendoBox<pendo::Writer>* writer;
  const char* failure;        // what went wrong, or nullptr
  bool counts;                // and whether it may be the records' own fault
  bool is_last_attempt;       // and nothing will mend it
  int64 settled;              // results that were committed
  int64 calls;                // that the run counts
  int64 repeated;             // events sent again that it counts
  TimestampTz committed;
  bool writing;               // to the tables: an error is not about the sending
};

// Nothing to do but to look at the clock.
void look_up() {}

// Not the records' fault: nobody answered, or the key or the limits are the trouble.
bool is_outage(int status) { return status == 0 || status == 401 || status == 402 || status == 403 || status == 407 || status == 429; }

void set_failure(Sending* sending, const pendo::Failure& failure) {
  MemoryContext old = MemoryContextSwitchTo(sending->context);
  char* message = pendo_message_text(failure.message.data(), failure.message.size());
  char* detail = pendo_message_text(failure.detail.data(), failure.detail.size());
  sending->failure = *detail ? psprintf("%s: %s", message, detail) : message;
  sending->counts = !is_outage(failure.http_status);
  MemoryContextSwitchTo(old);
}

// ---- accounting ---------------------------------------------------------

OutboxRun* run_of(OutboxDelivery* delivery, const OutboxChunk* chunk) {
  for (OutboxRun* run = delivery->runs; run; run = run->next) {
    if (run->role == chunk->role) return run;
  }
  MemoryContext old = MemoryContextSwitchTo(delivery->context);
  auto* run = static_cast<OutboxRun*>(palloc0(sizeof(OutboxRun)));
  run->role = chunk->role;
  run->outcome = pendo_box<pendo::Outcome>(delivery->context);
  pendo_make(run->outcome, [](pendo::Failure&) { return std::make_unique<pendo::Outcome>(); });
  run->row.server = pstrdup(chunk->server);
  run->row.object = pstrdup(chunk->object);
  run->row.table_name = pstrdup(chunk->table_name);
  run->row.delivery = "outbox";
  run->row.sync_name = pendo_sync_name;
  run->row.role = chunk->role;
  run->row.started = GetCurrentTimestamp();
  run->next = delivery->runs;
  delivery->runs = run;
  MemoryContextSwitchTo(old);
  return run;
}

PendoResultKind count(pendo::Outcome* outcome, const pendo::Consignment::Record& record, std::string_view message) noexcept {
  using State = pendo::Consignment::State;
  try {
    ++outcome->records;
    switch (record.state) {
      case State::kApplied:
        outcome->add_applied(record.id);
        return kPendoApplied;
      case State::kMissing:
        outcome->add_missing(record.id);
        return kPendoMissing;
      case State::kInvalid:
        outcome->add_invalid(record.id, message);
        return kPendoInvalid;
      default:
        outcome->add_uncertain(record.id, message);
        return kPendoUncertain;
    }
  } catch (const std::bad_alloc&) {
    // counted; only the text of an example is lost
    return record.state == State::kApplied ? kPendoApplied : kPendoUncertain;
  }
}

// What has left the queue is in the counts of the run, and a reject or none.
PendoSpool* take_results(Sending* sending, const OutboxEnd* end) {
  PendoSpool* results = pendo_spool_of_statement();
  const OutboxChunk* chunk = sending->chunk;
  for (int i = 0; i < chunk->count; ++i) {
    const OutboxRow* row = &chunk->rows[i];
    if (!row->settled || row->record < 0 || sending->told[row->record]) continue;
    sending->told[row->record] = true;
    const auto& record = chunk->consignment->get()->records()[static_cast<size_t>(row->record)];
    std::string_view message = record.message;
    if (record.state == pendo::Consignment::State::kUnsent && end && end->failure) message = end->failure;
    PendoResultKind kind = count(sending->run->outcome->get(), record, message);
    pendo_ledger_put(results, kind, record.id, record.values, message);
  }
  return results;
}

// What is counted by calls and not by records.
void count_calls(Sending* sending) {
  if (!sending->writer) return;
  const pendo::Outcome& sent = sending->writer->get()->outcome();
  sending->run->row.calls += sent.calls - sending->calls;
  sending->run->outcome->get()->repeated += sent.repeated - sending->repeated;
  sending->calls = sent.calls;
  sending->repeated = sent.repeated;
}

void write_run(Sending* sending, PendoSpool* results) {
  OutboxRun* run = sending->run;
  const pendo::Outcome* outcome = run->outcome->get();
  count_calls(sending);
  run->row.records = outcome->records;
  run->row.applied = outcome->applied;
  run->row.missing = outcome->missing;
  run->row.invalid = outcome->invalid;
  run->row.uncertain = outcome->uncertain;
  if (outcome->records == 0) return;
  if (run->number == 0) {
    run->number = pendo_ledger_add_run(&run->row);
  } else {
    pendo_ledger_update_run(run->number, &run->row);
  }
  pendo_ledger_take(run->number, &run->row, results);
}

void commit_settled(Sending* sending, const OutboxEnd* end) {
  sending->writing = true;
  pendo_hold_cancel();
  MemoryContext context = AllocSetContextCreate(sending->context, "pendo_fdw settling", ALLOCSET_DEFAULT_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  pendo_outbox_settle(&scope, sending->chunk, end);
  pendo_ledger_end(&scope);
  PendoSpool* results = take_results(sending, end);
  write_run(sending, results);
  pendo_spool_end(results);
  MemoryContextSwitchTo(old);
  MemoryContextDelete(context);
  pendo_outbox_commit();
  pendo_resume_cancel();
  pendo_set_wait_hook(look_up, kLookEveryMs);
  sending->settled = sending->chunk->consignment->get()->settled();
  sending->committed = GetCurrentTimestamp();
  sending->writing = false;
}

bool is_time_to_commit(const Sending* sending) {
  int64 news = sending->chunk->consignment->get()->settled() - sending->settled;
  if (news == 0) return false;
  if (news >= (sending->chunk->are_events ? kEventsAtOnce : kRecordsAtOnce)) return true;
  return GetCurrentTimestamp() - sending->committed > kLongestUs;
}

// ---- sending ------------------------------------------------------------

// Rows of an earlier delivery that broke off are not sent if that could be once
// too often.
void hold_back_sent(const OutboxChunk* chunk) {
  for (int i = 0; i < chunk->count; ++i) {
    const OutboxRow* row = &chunk->rows[i];
    if (!row->was_sent || row->record < 0) continue;
    if (!chunk->consignment->get()->hold_back(row->record, "it was under way when an earlier delivery broke off")) pendo_out_of_memory();
  }
}

// Like pendo_drive(), but a failure is not an error. kWouldBlock: the time is over.
template <class Operation, class Step>
pendo::Status run(Sending* sending, Operation* operation, Step step) {
  TimestampTz stopped = 0;
  for (;;) {
    bool over = pendo_outbox_time_is_over(sending->delivery);
    if (over && stopped == 0) stopped = GetCurrentTimestamp();
    pendo::Status status = step(over);
    if (status != pendo::Status::kWouldBlock) return status;
    if (over && GetCurrentTimestamp() - stopped > kGraceUs) return status;
    InvalidateCatalogSnapshot();  // it would hold back vacuum
    pendo_wait(operation->fd());
    if (is_time_to_commit(sending)) commit_settled(sending, nullptr);
  }
}

// False: Pendo could not be asked, or the time is over. A field that Pendo does not have makes its
// records invalid: sent, it would be created.
bool know_fields(Sending* sending, PendoClientRef* client) {
  pendo::Consignment* consignment = sending->chunk->consignment->get();
  for (size_t i = 0; i < consignment->fields().fields().size(); ++i) {
    const auto& known = consignment->fields().fields()[i];
    pendo::BulkField field = {known.group, known.name, known.type, false};
    PendoBox<pendo::FieldCheck>* box = pendo_box<pendo::FieldCheck>(sending->context);
    pendo_open_field_check(box, client, sending->delivery->object, &field, 1, sending->options->call);
    pendo::FieldCheck* check = box->get();
    pendo::Status status = run(sending, check, [=](bool) { return check->run(); });
    if (status == pendo::Status::kWouldBlock) return false;
    if (status != pendo::Status::kFailed) continue;
    if (strcmp(check->failure().sqlstate, pendo::sqlstate::kUndefinedColumn) != 0) {
      set_failure(sending, check->failure());
      return false;
    }
    if (!consignment->refuse_field(static_cast<std::uint16_t>(i), check->failure().message)) pendo_out_of_memory();
  }
  return true;
}

void open_writer(Sending* sending, PendoClientRef* client) {
  PendoBox<pendo::Writer>* writer = pendo_box<pendo::Writer>(sending->context);
  if (sending->chunk->are_events) {
    pendo_open_sender(writer, client, sending->options->call);
  } else {
    pendo_open_update(writer, client, sending->delivery->object, &sending->chunk->consignment->get()->fields(), sending->options->call);
  }
  writer->get()->tell_applied();
  sending->writer = writer;
}

void send_all(Sending* sending) {
  PendoClientRef* client = pendo_session_client(sending->delivery->server->serverid, sending->chunk->role, *sending->options);
  open_writer(sending, client);
  if (!sending->chunk->are_events && !know_fields(sending, client)) return;
  pendo::Consignment* consignment = sending->chunk->consignment->get();
  pendo::Writer* writer = sending->writer->get();
  pendo::Status status = run(sending, writer, [=](bool stop) { return consignment->send(*writer, stop); });
  if (status == pendo::Status::kFailed) set_failure(sending, writer->failure());
}

// Calls that are under way end; theirs is not known.
void give_up(Sending* sending) {
  if (!sending->writer || !sending->writer->get()) return;
  sending->writer->get()->abandon();
  sending->chunk->consignment->get()->take_results(*sending->writer->get());
}

void finish(Sending* sending) {
  OutboxEnd end = {nullptr, sending->options->max_attempts, false};
  if (sending->failure) {
    end.failure = sending->failure;
    end.counts = sending->counts;
    if (sending->is_last_attempt) end.max_attempts = 1;
  } else if (!pendo_outbox_time_is_over(sending->delivery)) {
    end.failure = "Pendo's answers did not tell of it";
    end.counts = true;
  }
  give_up(sending);
  commit_settled(sending, &end);
}

// Whatever the defaults of transactions are: what others commit must be seen, and
// what was sent must be written.
void begin_anew() {
  XactIsoLevel = XACT_READ_COMMITTED;
  XactReadOnly = false;
}

// The shards are held meanwhile, so that nobody sends again what is settled.
void roll_back(Sending* sending) {
  pendo_keep_shard_exits(true);
  SPI_rollback();
  begin_anew();
  pendo_keep_shard_exits(false);
  give_up(sending);
}

// Cancelled: what is settled is committed all the same.
void save_results(Sending* sending) {
  OutboxEnd end = {nullptr, sending->options->max_attempts, false};
  commit_settled(sending, &end);
}

// Of this role or server; others may be delivered.
bool is_about_settings(const ErrorData* error) {
  int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  return category == ERRCODE_TO_CATEGORY(ERRCODE_FDW_ERROR) || category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_PRIVILEGE);
}

// Its mapping is gone with it, and the one for PUBLIC is not for its rows.
bool role_is_gone(Sending* sending) {
  if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(sending->chunk->role))) return false;
  sending->failure = "the role that wrote them does not exist any more";
  sending->counts = sending->is_last_attempt = true;
  return true;
}

// The error that ended the sending, or nullptr.
ErrorData* try_to_send(Sending* sending) {
  ErrorData* volatile error = nullptr;
  PG_TRY();
  {
    if (!role_is_gone(sending)) send_all(sending);
  }
  PG_CATCH();
  {
    if (sending->writing) PG_RE_THROW();
    MemoryContextSwitchTo(sending->delivery->context);
    error = CopyErrorData();
    FlushErrorState();
  }
  PG_END_TRY();
  return error;
}

void remember_failure(Sending* sending) {
  OutboxDelivery* delivery = sending->delivery;
  if (delivery->failure) return;
  MemoryContext old = MemoryContextSwitchTo(delivery->context);
  delivery->failure = pstrdup(sending->failure);
  delivery->failed_server = pstrdup(delivery->server->servername);
  MemoryContextSwitchTo(old);
}

}  // namespace

bool pendo_outbox_time_is_over(const OutboxDelivery* delivery) {
  return delivery->until != 0 && GetCurrentTimestamp() >= delivery->until;
}

void pendo_outbox_commit() {
  SPI_commit();
  begin_anew();
}

PendoOptions pendo_outbox_options(const OutboxDelivery* delivery, Oid table, Oid role) {
  bool is_there = get_rel_relkind(table) == RELKIND_FOREIGN_TABLE;
  ForeignTable* foreign = is_there ? GetForeignTable(table) : nullptr;
  if (foreign && foreign->serverid == delivery->server->serverid) return pendo_table_options(foreign, role);
  return pendo_server_options(delivery->server, role);
}

bool pendo_outbox_send(OutboxDelivery* delivery, OutboxChunk* chunk, const PendoOptions* options) {
  Sending sending{};
  sending.delivery = delivery;
  sending.chunk = chunk;
  sending.options = options;
  sending.context = chunk->context;
  sending.run = run_of(delivery, chunk);
  sending.told = static_cast<bool*>(MemoryContextAllocZero(chunk->context, chunk->consignment->get()->records().size() + 1));
  sending.committed = GetCurrentTimestamp();
  if (chunk->uncertain_dies) hold_back_sent(chunk);
  pendo_set_wait_hook(look_up, kLookEveryMs);
  ErrorData* error = try_to_send(&sending);
  if (error) roll_back(&sending);
  if (error && is_about_settings(error)) {
    sending.failure = error->message;
  } else if (error) {
    save_results(&sending);
    pendo_unlock_shard_exits();
    ReThrowError(error);
  }
  finish(&sending);
  pendo_unlock_shard_exits();
  pendo_set_wait_hook(nullptr, 0);
  if (sending.failure) remember_failure(&sending);
  return !sending.failure;
}
