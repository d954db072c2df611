// Reporting, waiting and the making of clients.
#include "bridge/bridge.h"

namespace {

// errmsg and its like copy their text at once, so nothing of the core is
// needed after this; all locals are plain pointers.
[[noreturn]] void report_texts(int code, const char* message, const char* detail, const char* hint) {
  ereport(ERROR, (errcode(code), errmsg_internal("%s", message), detail ? errdetail_internal("%s", detail) : 0,
                  hint ? errhint("%s", hint) : 0));
  pg_unreachable();
}

char* text_or_null(const std::string& text) {
  return text.empty() ? nullptr : pendo_message_text(text.data(), text.size());
}

TimestampTz deadline = 0;
bool deadline_is_statements = false;
PendoWaitHook wait_hook = nullptr;
int hook_every_ms = 0;

// -1: as long as it takes.
long time_to_wait() {
  long timeout = wait_hook && hook_every_ms > 0 ? hook_every_ms : -1;
  if (deadline == 0) return timeout;
  long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
  return timeout < 0 ? left : Min(timeout, left);
}

void check_deadline() {
  if (deadline == 0 || GetCurrentTimestamp() < deadline) return;
  if (deadline_is_statements) {
    ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("canceling statement due to statement timeout"),
                    errdetail("It was sending records to Pendo, as the transaction was to commit.")));
  }
  ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("sending to Pendo at commit took longer than delivery_timeout"),
                  errhint("Set a longer delivery_timeout, or write fewer records in one transaction.")));
}

}  // namespace

char* pendo_message_text(const char* text, std::size_t size) {
  char* copy = pnstrdup(text, size);
  int length = static_cast<int>(size);
  if (GetDatabaseEncoding() == PG_UTF8 && pg_verify_mbstr(PG_UTF8, copy, length, true)) return copy;
  for (char* c = copy; *c; ++c) {
    if (IS_HIGHBIT_SET(*c)) *c = '?';
  }
  return copy;
}

void pendo_out_of_memory() {
  ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  pg_unreachable();
}

void pendo_report(const pendo::Failure& failure) {
  const char* s = failure.sqlstate;
  const char* message = failure.message.empty() ? "out of memory" : text_or_null(failure.message);
  report_texts(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]), message, text_or_null(failure.detail),
               text_or_null(failure.hint));
}

void pendo_set_deadline(TimestampTz when, bool is_statements) {
  deadline = when;
  deadline_is_statements = is_statements;
}

void pendo_set_wait_hook(PendoWaitHook hook, int every_ms) {
  wait_hook = hook;
  hook_every_ms = every_ms;
}

double pendo_wait(int fd) {
  instr_time begin;
  INSTR_TIME_SET_CURRENT(begin);
  long timeout = time_to_wait();
  int timed = timeout >= 0 ? WL_TIMEOUT : 0;
  int events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH | timed, fd, timeout,
                                 pendo_wait_event());
  if (events & WL_LATCH_SET) ResetLatch(MyLatch);
  CHECK_FOR_INTERRUPTS();
  check_deadline();
  if (wait_hook) wait_hook();
  instr_time end;
  INSTR_TIME_SET_CURRENT(end);
  INSTR_TIME_SUBTRACT(end, begin);
  return INSTR_TIME_GET_MILLISEC(end);
}

static std::string given(const char* text) { return text ? text : ""; }

static pendo::Secret secret_of(const PendoSecretText& text) {
  pendo::Secret secret{.text = given(text.text), .from_file = text.file != nullptr, .problem = {}};
  if (text.problem) secret.problem = {text.sqlstate, text.problem, {}, given(text.hint), 0};
  return secret;
}

static pendo::Config config_of(const PendoConfigText& text) {
  std::vector<pendo::AppSecret> apps;
  for (int i = 0; i < text.app_count; ++i) apps.push_back({text.app_secrets[i].app, secret_of(text.app_secrets[i].secret)});
  return {.server_name = given(text.server_name),
                       .api_url = given(text.api_url),
                       .track_url = given(text.track_url),
                       .ca_file = given(text.ca_file),
                       .integration_key = secret_of(text.integration_key),
                       .track_secret = secret_of(text.track_secret),
                       .app_secrets = std::move(apps),
                       .has_mapping = text.has_mapping,
                       .mapping = given(text.mapping),
                       .connect_timeout_ms = text.connect_timeout_ms,
                       .request_timeout_ms = text.request_timeout_ms};
}

PendoClientRef* pendo_client_new(const PendoConfigText& text) noexcept try {
  return new PendoClientRef(std::make_shared<pendo::Client>(config_of(text)));
} catch (const std::bad_alloc&) {
  return nullptr;
}

bool pendo_client_has(const PendoClientRef* client, const PendoConfigText& text) noexcept try {
  return (*client)->config() == config_of(text);
} catch (const std::bad_alloc&) {
  return false;
}

void pendo_client_free(PendoClientRef* client) noexcept { delete client; }
