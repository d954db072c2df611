// Sending, its limits and the words about it.
#include "fdw/delivery.h"

#include "fdw/dry_run.h"
#include "fdw/outbox.h"
#include "fdw/progress.h"
#include "fdw/session.h"
#include "fdw/warn.h"

extern "C" {
#include "commands/trigger.h"
#include "storage/predicate.h"
#include "utils/inval.h"
}

namespace {

char last_sqlstate[6] = "00000";

char* first_ones(const std::vector<std::string>& list) {
  StringInfoData text;
  initStringInfo(&text);
  for (size_t i = 0; i < list.size(); ++i) {
    appendStringInfo(&text, "%s%s", i ? "; " : " (first: ", pendo_message_text(list[i].data(), list[i].size()));
  }
  if (text.len > 0) appendStringInfoChar(&text, ')');
  return text.data;
}

int64 under_way(const PendoRun* run) {
  int64 count = 0;
  for (PendoSending* sending = run->sendings; sending; sending = sending->next) {
    count += sending->writer->get()->under_way();
  }
  return count;
}

void tell_run(PendoRun* run) {
  pendo::Outcome* outcome = pendo_total_outcome(run);
  if (outcome->calls == 0 || run->dry) return;
  int64 unknown = outcome->uncertain + under_way(run);
  errcontext("sending to Pendo for %s: " INT64_FORMAT " records were taken and stay as they are now%s, " INT64_FORMAT
             " were not known, " INT64_FORMAT " were refused; of " INT64_FORMAT " it is not known whether they were taken%s",
             run->table->name, outcome->applied, first_ones(outcome->first_applied), outcome->missing, outcome->invalid, unknown,
             first_ones(outcome->first_uncertain));
}

void tell_context(void* arg);

// For the time of its life, errors tell what they leave behind in Pendo: of each
// run of the transaction, since all of them are rolled back.
class SendingContext {
 public:
  SendingContext() {
    callback_.callback = tell_context;
    callback_.arg = error_context_stack;
    callback_.previous = error_context_stack;
    error_context_stack = &callback_;
  }
  void end() { error_context_stack = callback_.previous; }

 private:
  ErrorContextCallback callback_;
};

void tell_context(void* outer) {
  // messages that are no errors
  int category = ERRCODE_TO_CATEGORY(geterrcode());
  if (category == ERRCODE_SUCCESSFUL_COMPLETION || category == ERRCODE_WARNING) return;
  // a trigger may send while something is sent: the outermost tells
  for (auto* other = static_cast<ErrorContextCallback*>(outer); other; other = other->previous) {
    if (other->callback == tell_context) return;
  }
  strlcpy(last_sqlstate, unpack_sql_state(geterrcode()), sizeof last_sqlstate);
  for (PendoRun* run = pendo_runs(); run; run = run->next) {
    if (run->table) tell_run(run);
  }
}
static_assert(std::is_trivially_destructible_v<SendingContext>);

const char* limit_text(const PendoLimit& limit) { return psprintf("%g%s", limit.value, limit.is_percent ? "%" : ""); }

void check_limit(const PendoRun* run, const char* option, const PendoLimit& limit, int64 count, int64 all, const char* what,
                 const std::vector<std::string>& first) {
  double most = limit.is_percent ? static_cast<double>(all) * limit.value / 100 : limit.value;
  if (static_cast<double>(count) <= most) return;
  ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                  errmsg("%s: " INT64_FORMAT " of " INT64_FORMAT " records %s%s, more than %s allows (%s)", run->table->name, count, all,
                         what, first_ones(first), option, limit_text(limit)),
                  run->dry ? errhint("Nothing was sent: this is a dry run.")
                           : errhint("What Pendo has taken stays there. Mend the records or raise the limit, and run the statement again.")));
}

// Shares are known at the end only.
void check_limits(PendoRun* run, bool at_end) {
  const PendoOptions& options = run->table->options;
  pendo::Outcome* outcome = pendo_total_outcome(run);
  if (at_end || !options.reject_limit.is_percent) {
    check_limit(run, "reject_limit", options.reject_limit, outcome->invalid, outcome->records, "were refused", outcome->first_invalid);
  }
  if (at_end || !options.missing_limit.is_percent) {
    check_limit(run, "missing_limit", options.missing_limit, outcome->missing, outcome->records, "are not known to Pendo",
                outcome->first_missing);
  }
}

bool has_object_of(const PendoRun* a, const PendoRun* b) {
  return a->table && b->table && a->table->server == b->table->server && a->table->object == b->table->object;
}

// A later success takes a reject away, be it of an earlier transaction, of another
// run of this one, or of this run where it does not send by id.
bool wants_applied(const PendoRun* run) {
  if (run->dry) return false;
  for (const PendoRun* other = pendo_runs(); other; other = other->next) {
    bool sends_later = other != run || run->table->options.delivery == Delivery::kStatement;
    if (sends_later && other->failures > 0 && has_object_of(run, other)) return true;
  }
  return pendo_ledger_has_rejects(run->table->options.config.server_name, pendo_object_name(run->table));
}

void tell_applied_from_now_on(PendoRun* run) {
  if (run->dry || run->table->options.delivery != Delivery::kStatement) return;
  for (PendoSending* sending = run->sendings; sending; sending = sending->next) sending->writer->get()->tell_applied();
}

// After each record that may have settled others.
void look_at_results(PendoRun* run, PendoSending* sending) {
  pendo_take_dry_calls(run, sending);
  int64 before = run->failures;
  pendo_take_results(run, sending);
  if (run->failures == before) return;
  tell_applied_from_now_on(run);
  check_limits(run, false);
}

[[noreturn]] void refuse_duplicate(const PendoRun* run, std::string_view id) {
  ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                  errmsg("%s: more than one update of \"%s\"", run->table->name, pendo_message_text(id.data(), id.size())),
                  errdetail("Nothing of it was sent."),
                  errhint("The option on_duplicate is 'error'. Update each id once, or set it to 'last': then the last values win.")));
  pg_unreachable();
}

void check_duplicates(const PendoRun* run, PendoSort* sort) {
  std::string_view id;
  std::string_view payload;
  char* last = nullptr;
  size_t last_size = 0;
  while (pendo_sort_next(sort, &id, &payload)) {
    if (last && std::string_view(last, last_size) == id) refuse_duplicate(run, id);
    if (last) pfree(last);
    last = pnstrdup(id.data(), id.size());
    last_size = id.size();
  }
  pendo_sort_rewind(sort);
}

void put_invalid(PendoRun* run, std::string_view id, std::string_view payload) {
  std::string_view values;
  std::string_view why;
  pendo_split_result(payload, &values, &why);
  pendo_put_invalid(run, id, values, why);
}

// Where the latest record of each id stands, asked for ids in ascending order.
class LatestRecords {
 public:
  explicit LatestRecords(PendoSort* records) : records_(records) { step(); }

  // -1: there is none.
  int64 position(std::string_view id) {
    if (asked_ && std::string_view(asked_, asked_size_) == id) return latest_;
    if (asked_) pfree(asked_);
    asked_ = pnstrdup(id.data(), id.size());
    asked_size_ = id.size();
    latest_ = -1;
    for (; more_ && id_ <= id; step()) {
      if (id_ == id) latest_ = pendo_sort_position(records_);
    }
    return latest_;
  }

 private:
  void step() {
    std::string_view payload;
    more_ = pendo_sort_next(records_, &id_, &payload);
  }

  PendoSort* records_;
  std::string_view id_;
  bool more_ = false;
  char* asked_ = nullptr;
  size_t asked_size_ = 0;
  int64 latest_ = -1;
};
static_assert(std::is_trivially_destructible_v<LatestRecords>);

// What could not be sent when it came is a result: at once, or after those of the
// records of its id that came before it. One that came later makes up for it.
// Gives the results that are to come after the sending.
PendoSpool* sort_out_invalid(PendoRun* run, PendoSpool* log, PendoSort* records) {
  if (pendo_spool_count(log, kLogInvalid) == 0) return nullptr;
  PendoSpool* late = pendo_spool_of_statement();
  PendoSort* invalid = pendo_spool_sort(log, kLogInvalid);
  LatestRecords latest(records);
  std::string_view id;
  std::string_view payload;
  while (pendo_sort_next(invalid, &id, &payload)) {
    int64 record = latest.position(id);
    if (record >= 0 && run->table->options.refuse_duplicates) refuse_duplicate(run, id);
    if (record < 0) {
      put_invalid(run, id, payload);
    } else if (record < pendo_sort_position(invalid)) {
      pendo_spool_put(late, kLogInvalid, id, payload);
    }
  }
  pendo_sort_end(invalid);
  pendo_sort_rewind(records);
  return late;
}

void put_all_invalid(PendoRun* run, PendoSpool* log) {
  if (pendo_spool_count(log, kLogInvalid) == 0) return;
  pendo_spool_each(log, [=](uint8 kind, std::string_view id, std::string_view payload) {
    if (kind == kLogInvalid) put_invalid(run, id, payload);
  });
}

void send_sorted(PendoRun* run, PendoSending* sending, PendoSpool* log) {
  PendoSort* sort = pendo_spool_sort(log, kLogRecord);
  if (run->table->options.refuse_duplicates) check_duplicates(run, sort);
  PendoSpool* late = sort_out_invalid(run, log, sort);
  std::string_view id;
  std::string_view payload;
  while (pendo_sort_next(sort, &id, &payload)) pendo_send_one(run, sending, id, payload);
  pendo_sort_end(sort);
  pendo_send_rest(run, sending);
  if (!late) return;
  put_all_invalid(run, late);
  pendo_spool_end(late);
}

void send_in_order(PendoRun* run, PendoSending* sending, PendoSpool* log) {
  pendo_spool_each(log, [=](uint8 kind, std::string_view id, std::string_view payload) {
    if (kind == kLogEvent || kind == kLogRecord) pendo_send_one(run, sending, id, payload);
    if (kind == kLogStatement) pendo_send_rest(run, sending);
  });
}

// What could not be sent when it came counts for the limits before anything is sent.
void count_invalid(PendoRun* run, PendoSpool* log) {
  if (pendo_spool_count(log, kLogInvalid) + pendo_spool_count(log, kLogDoubtful) == 0) return;
  pendo_spool_each(log, [=](uint8 kind, std::string_view id, std::string_view payload) {
    if (kind == kLogDoubtful) pendo_count_doubtful(run, id, payload);
    if (kind != kLogInvalid) return;
    std::string_view values;
    std::string_view why;
    pendo_split_result(payload, &values, &why);
    pendo_count_invalid(run, id, why);
  });
  check_limits(run, false);
}

void deliver(PendoRun* run) {
  // SSI must find a conflict now, not after the records have gone out
  if (IsolationIsSerializable() && !run->dry) {
    pendo_ledger_check_conflicts();
    PreCommit_CheckForSerializationFailure();
  }
  MemoryContext context = AllocSetContextCreate(run->context, "pendo_fdw delivery", ALLOCSET_DEFAULT_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  pendo_send_log(run, run->log);
  MemoryContextSwitchTo(old);
  MemoryContextDelete(context);
  run->log_done = true;
  pendo_end_log(run);
}

// At commit PostgreSQL has disarmed its own statement_timeout.
void set_deadline() {
  int64 limit = 0;
  for (PendoRun* run = pendo_runs(); run; run = run->next) {
    if (pendo_has_unsent(run)) limit = Max(limit, run->table->options.delivery_timeout_ms);
  }
  if (limit == 0) return;
  bool by_statement = StatementTimeout > 0 && StatementTimeout < limit;
  if (by_statement) limit = StatementTimeout;
  pendo_set_deadline(GetCurrentTimestamp() + limit * 1000, by_statement);
}

// By this or another session, which locks of the table do not keep from altering the
// server or the mapping.
void refuse_altered_runs() {
  AcceptInvalidationMessages();
  for (PendoRun* run = pendo_runs(); run; run = run->next) pendo_refuse_if_altered(run);
}

// Writes the run's row and its rejects. The rows are ordinary ones: they are
// gone if the transaction fails after all.
void report(PendoRun* run) {
  run->reported = true;
  pendo::Outcome* outcome = pendo_total_outcome(run);
  pendo_warn(run->table->name, *outcome, pendo_name_of_records(run->table->object));
  if (run->dry) {
    pendo_tell_dry_run(run, *outcome);
    return;
  }
  if (outcome->records == 0 && run->unchanged == 0) return;
  // the outbox has its runs when it is delivered; a row for each small transaction would be many
  if (pendo_is_for_outbox(run) && outcome->invalid == 0) return;
  PendoRunRow row = pendo_run_row(run);
  int64 number = pendo_ledger_add_run(&row);
  if (!run->results) return;
  pendo_ledger_take(number, &row, run->results);
  pendo_spool_end(run->results);
  run->results = nullptr;
}

// Of the runs that are sent that way; false if there was none. One that a trigger
// on the ledger has made is sent first.
bool report_runs(bool at_commit) {
  bool any = false;
  for (PendoRun* run = pendo_runs(); run; run = run->next) {
    bool is_due = !run->reported && !pendo_has_unsent(run);
    if (!is_due || (run->table->options.delivery != Delivery::kStatement) != at_commit) continue;
    report(run);
    any = true;
  }
  return any;
}

}  // namespace

const char* pendo_last_sqlstate() { return last_sqlstate; }

PendoClientRef* pendo_run_client(const PendoRun* run) {
  return pendo_session_client(run->table->server, run->user, run->table->options);
}

void pendo_send_one(PendoRun* run, PendoSending* sending, std::string_view id, std::string_view payload) {
  SendingContext context;
  pendo::Writer* writer = sending->writer->get();
  pendo_drive(writer, [=]() { return writer->add(id, payload); });
  look_at_results(run, sending);
  context.end();
}

void pendo_send_rest(PendoRun* run, PendoSending* sending) {
  SendingContext context;
  pendo::Writer* writer = sending->writer->get();
  pendo_drive(writer, [=]() { return writer->finish(); });
  look_at_results(run, sending);
  context.end();
}

void pendo_refuse_record(PendoRun* run, std::string_view id, std::string_view values, std::string_view why) {
  SendingContext context;
  pendo_count_invalid(run, id, why);
  pendo_put_invalid(run, id, values, why);
  tell_applied_from_now_on(run);
  check_limits(run, false);
  context.end();
}

void pendo_check_limits(PendoRun* run) {
  SendingContext context;
  check_limits(run, true);
  context.end();
}

PendoSending* pendo_open_sending(PendoRun* run) {
  SendingContext context;
  // what an aborted subtransaction has left open is a result too
  for (PendoRun* other = pendo_runs(); other; other = other->next) pendo_end_abandoned(other);
  pendo::CallOptions options = run->table->options.call;
  options.dry_run = run->dry;
  PendoSending* sending = pendo_begin_sending(run, pendo_run_client(run), options);
  if (wants_applied(run)) sending->writer->get()->tell_applied();
  context.end();
  return sending;
}

void pendo_close_sending(PendoRun* run, PendoSending* sending) {
  pendo_send_rest(run, sending);
  pendo_end_sending(run, sending);
  pendo_check_limits(run);
}

void pendo_account_for_log(PendoRun* run) {
  PendoSpool* log = run->log;
  count_invalid(run, log);
  if (run->table->options.refuse_duplicates && pendo_spool_count(log, kLogRecord) > 1) {
    PendoSort* sort = pendo_spool_sort(log, kLogRecord);
    check_duplicates(run, sort);
    pendo_sort_end(sort);
  }
  put_all_invalid(run, log);
  run->outcome->get()->records +=
      pendo_spool_count(log, kLogRecord) + pendo_spool_count(log, kLogEvent) + pendo_spool_count(log, kLogKeyedEvent);
  check_limits(run, true);
}

void pendo_send_log(PendoRun* run, PendoSpool* log) {
  SendingContext context;
  count_invalid(run, log);
  int64 count = pendo_spool_count(log, kLogRecord) + pendo_spool_count(log, kLogEvent);
  if (count > 0) {
    PendoSending* sending = pendo_open_sending(run);
    pendo_begin_progress(run, count);
    bool are_events = run->table->object->write == pendo::WriteCall::kTrackEvent;
    bool in_order = are_events || (run->dry && run->table->options.delivery == Delivery::kStatement);
    if (in_order) {
      put_all_invalid(run, log);
      send_in_order(run, sending, log);
    } else {
      send_sorted(run, sending, log);
    }
    pendo_close_sending(run, sending);
    pendo_end_progress();
  } else {
    put_all_invalid(run, log);
    check_limits(run, true);
  }
  context.end();
}

PendoRunRow pendo_run_row(PendoRun* run) {
  pendo::Outcome* outcome = pendo_total_outcome(run);
  PendoRunRow row{};
  row.server = run->table->options.config.server_name;
  row.object = pendo_object_name(run->table);
  row.table_name = run->table->name;
  row.delivery = pendo_delivery_word(run->table->options.delivery);
  row.sync_name = pendo_sync_name;
  row.role = run->user;
  row.table = run->relid;
  row.started = run->started;
  row.records = outcome->records;
  row.applied = outcome->applied;
  row.missing = outcome->missing;
  row.invalid = outcome->invalid;
  row.uncertain = outcome->uncertain;
  row.duplicates = outcome->duplicates;
  row.unchanged = run->unchanged;
  row.calls = outcome->calls;
  return row;
}

void pendo_deliver_all() {
  if (!pendo_runs()) return;
  SendingContext context;
  refuse_altered_runs();
  set_deadline();
  for (bool again = true; again;) {
    again = false;
    for (PendoRun* run = pendo_runs(); run; run = run->next) {
      pendo_end_abandoned(run);
      if (pendo_has_unsent(run) && !pendo_is_for_outbox(run)) deliver(run);
    }
    pendo_enqueue_all();
    // of a record that both sent, the result that came last is the one that counts
    again |= report_runs(false);
    again |= report_runs(true);
    // the rows just written may have fired triggers of the user's, which may write
    if (again) AfterTriggerFireDeferred();
  }
  context.end();
}

void pendo_end_delivery() {
  pendo_set_deadline(0, false);
  pendo_end_progress();
  strlcpy(last_sqlstate, "00000", sizeof last_sqlstate);
}
