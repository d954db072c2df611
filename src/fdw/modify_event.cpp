// Writing events: a row becomes an event, which the guard looks at.
#include "bridge/open.h"
#include "fdw/datum.h"
#include "fdw/delivery.h"
#include "fdw/modify_state.h"

namespace {

// The columns that make an event, by their paths.
enum EventField { kVisitor, kAccount, kEvent, kTime, kProperties, kIp, kUserAgent, kUrl, kTitle, kApp, kKey, kEventFields };
constexpr const char* kEventPaths[] = {"visitorId", "accountId",         "event",       "timestamp",     "properties", "context.ip",
                                       "context.userAgent", "context.url", "context.title", "app", "eventKey"};
static_assert(lengthof(kEventPaths) == kEventFields);

// NULL where the table has no such column.
pendo::Value value_at(const ModifyState* state, TupleTableSlot* slot, EventField field) {
  const PendoColumn* column = state->event_columns[field];
  if (!column) return pendo::Value::null();
  bool isnull = false;
  Datum datum = slot_getattr(slot, column->attno, &isnull);
  return pendo_from_datum(column, datum, isnull);
}

// Pendo has no id for an event; the outbox remembers the keys.
void refuse_key(const ModifyState* state) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("column \"%s\" of %s must be NULL without delivery 'outbox'", state->event_columns[kKey]->name, state->table->name),
                  errhint("Set the option delivery of the table or of its server to 'outbox'.")));
}

// An ERROR for an app that has no secret.
pendo::Value app_of(const ModifyState* state, TupleTableSlot* slot) {
  pendo::Value app = value_at(state, slot, kApp);
  pendo::TrackSecrets* secrets = state->secrets->get();
  if (!secrets->has(app)) pendo_report(secrets->failure());
  return app;
}

pendo::TrackEvent read_event(const ModifyState* state, TupleTableSlot* slot) {
  pendo::TrackEvent event;
  event.visitor_id = value_at(state, slot, kVisitor);
  event.account_id = value_at(state, slot, kAccount);
  event.event = value_at(state, slot, kEvent);
  event.occurred_at = value_at(state, slot, kTime);
  event.properties = value_at(state, slot, kProperties);
  event.ip = value_at(state, slot, kIp);
  event.user_agent = value_at(state, slot, kUserAgent);
  event.url = value_at(state, slot, kUrl);
  event.title = value_at(state, slot, kTitle);
  event.app = app_of(state, slot);
  if (event.occurred_at.kind == pendo::ValueKind::kNull) {
    constexpr int64 kEpochShiftUs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    event.occurred_at = pendo::Value::of_time(GetCurrentTransactionStartTimestamp() + kEpochShiftUs);
  }
  return event;
}

const char* column_name(const ModifyState* state, std::string_view column) {
  EventField field = column == "occurred_at" ? kTime : kProperties;
  const PendoColumn* found = state->event_columns[field];
  return found ? found->name : kEventPaths[field];
}

[[noreturn]] void report_doubtful(const ModifyState* state) {
  const pendo::EventGuard* guard = state->guard->get();
  std::string_view label = state->event_encoder->get()->label();
  ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
                  errmsg("%s: column \"%s\" of event \"%s\": %s", state->table->name, column_name(state, guard->column()),
                         pendo_message_text(label.data(), label.size()), pendo_message_text(guard->why().data(), guard->why().size())),
                  errhint("%s Or set the option on_guard to 'warn': then such events are sent, or to 'reject': then they are kept in pendo_fdw_rejects.",
                          pnstrdup(guard->advice().data(), guard->advice().size()))));
  pg_unreachable();
}

// False: the event is not to be sent.
bool passes_guard(ModifyState* state, const pendo::TrackEvent& event) {
  pendo::EventGuard* guard = state->guard->get();
  switch (guard->look_at(event, pendo_unix_time(GetCurrentTimestamp()))) {
    case pendo::EventGuard::Result::kFine: return true;
    case pendo::EventGuard::Result::kOutOfMemory: pendo_out_of_memory();
    case pendo::EventGuard::Result::kDoubtful: break;
  }
  Guard on_guard = state->table->options.on_guard;
  if (on_guard == Guard::kError) report_doubtful(state);
  const pendo::EventEncoder* encoder = state->event_encoder->get();
  std::string_view why = psprintf("%s: %.*s", column_name(state, guard->column()), static_cast<int>(guard->why().size()), guard->why().data());
  if (on_guard == Guard::kReject) {
    pendo_pass_on_invalid(state, encoder->label(), encoder->shown(), why);
  } else if (state->log) {
    pendo_spool_put(state->log, kLogDoubtful, encoder->label(), why);
  } else {
    pendo_count_doubtful(state->run, encoder->label(), why);
  }
  return on_guard == Guard::kWarn;
}

// Longer ones do not fit into an index.
constexpr size_t kMaxKeyBytes = 1000;

pendo::Value key_of_event(const ModifyState* state, TupleTableSlot* slot) {
  pendo::Value key = value_at(state, slot, kKey);
  if (key.kind != pendo::ValueKind::kNull && state->table->options.delivery != Delivery::kOutbox) refuse_key(state);
  return key;
}

void put_event(ModifyState* state, const pendo::Value& key) {
  const pendo::EventEncoder* encoder = state->event_encoder->get();
  bool has_key = key.kind != pendo::ValueKind::kNull;
  if (has_key && (key.text.empty() || key.text.size() > kMaxKeyBytes)) {
    pendo_pass_on_invalid(state, encoder->label(), encoder->shown(), psprintf("event_key: not 1 to %zu bytes", kMaxKeyBytes));
  } else if (has_key && !state->run->dry) {
    pendo_spool_put(state->log, kLogKeyedEvent, encoder->label(), pendo_join_result(key.text, encoder->encoded()));
  } else {
    pendo_pass_on(state, kLogEvent, encoder->label(), encoder->encoded());
  }
}

}  // namespace

// That a track secret is missing shall be known now and not at the commit.
void pendo_open_events(ModifyState* state) {
  state->event_columns = static_cast<const PendoColumn**>(palloc(sizeof(PendoColumn*) * kEventFields));
  for (int i = 0; i < kEventFields; ++i) state->event_columns[i] = pendo_find_path(state->table, kEventPaths[i]);
  state->secrets = pendo_box<pendo::TrackSecrets>(CurrentMemoryContext);
  pendo_open_secrets(state->secrets, pendo_run_client(state->run));
  state->event_encoder = pendo_box<pendo::EventEncoder>(CurrentMemoryContext);
  pendo_make(state->event_encoder, [](pendo::Failure&) { return std::make_unique<pendo::EventEncoder>(); });
  state->guard = pendo_box<pendo::EventGuard>(CurrentMemoryContext);
  pendo_make(state->guard, [](pendo::Failure&) { return std::make_unique<pendo::EventGuard>(); });
}

void pendo_write_event(ModifyState* state, TupleTableSlot* slot) {
  MemoryContextReset(state->row_context);
  MemoryContext old = MemoryContextSwitchTo(state->row_context);
  pendo::TrackEvent event = read_event(state, slot);
  pendo::EventEncoder* encoder = state->event_encoder->get();
  switch (encoder->encode(event)) {
    case pendo::EventEncoder::Result::kEncoded:
      if (passes_guard(state, event)) put_event(state, key_of_event(state, slot));
      break;
    case pendo::EventEncoder::Result::kInvalid:
      pendo_pass_on_invalid(state, encoder->label(), encoder->shown(), encoder->why());
      break;
    case pendo::EventEncoder::Result::kOutOfMemory:
      pendo_out_of_memory();
  }
  MemoryContextSwitchTo(old);
}
