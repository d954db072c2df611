// pendo_fdw_check(server): one row that says what works and what to do about
// what does not. Sends nothing that changes or counts anything.
#include "bridge/open.h"
#include "core/token_verify.h"
#include "fdw/check.h"
#include "fdw/entry.h"
#include "fdw/ledger.h"
#include "fdw/options.h"
#include "fdw/secret_file.h"
#include "fdw/session.h"

extern "C" {
#include "utils/acl.h"
}

namespace {

struct Findings {
  bool reachable;
  bool key_known;     // key_valid and write_access say something
  bool key_valid;
  bool write_access;
  int64 latency_ms;   // -1: not measured
  StringInfoData advice;
};

void advise(Findings* findings, const char* sentence) {
  appendStringInfo(&findings->advice, "%s%s", findings->advice.len ? " " : "", sentence);
}

// Like pendo_drive(), but a failure is a finding here.
template <class Operation>
pendo::Status run(Operation* operation) {
  for (;;) {
    pendo::Status status = operation->run();
    if (status != pendo::Status::kWouldBlock) return status;
    pendo_wait(operation->fd());
  }
}

const char* message_of(const pendo::Failure& failure) {
  return pendo_message_text(failure.message.data(), failure.message.size());
}

pendo::Fetch* open_verify(PendoBox<pendo::Fetch>* box, PendoClientRef* client, const pendo::CallOptions& options) {
  return pendo_make(box, [=, &options](pendo::Failure& failure) {
    pendo::Request request{.kind = pendo::CallKind::kProbe, .post = false, .to_track_host = false, .connect_only = false,
                           .path = "/api/v1/token/verify", .body = {}};
    return pendo::Fetch::create(*client, std::move(request), options, failure);
  });
}

void judge_answer(Findings* findings, const pendo::Fetch* fetch) {
  bool understood = false;
  understood = pendo::parse_token_verify(fetch->reply(), findings->key_valid, findings->write_access);
  findings->key_known = understood;
  if (!understood) {
    advise(findings, "The API host does not answer like Pendo: check the server's region or api_url.");
    return;
  }
  if (!findings->key_valid) advise(findings, "Pendo says that the integration key is not valid: make a new one (Settings > Integrations).");
  if (findings->key_valid && !findings->write_access) {
    advise(findings, "The integration key is read-only, so UPDATE will fail: allow write access for it, or make a key with \"Allow Write Access\" (Settings > Integrations).");
  }
}

void judge_failure(Findings* findings, const pendo::Failure& failure) {
  int status = failure.http_status;
  findings->reachable = status != 0;
  if (status == 401 || status == 403) {
    findings->key_known = true;
    findings->key_valid = findings->write_access = false;
    advise(findings, "Pendo refused the integration key: set the user mapping's integration_key to a key of this subscription, and the server's region to the subscription's.");
  } else if (status != 0) {
    advise(findings, psprintf("%s. A key of another region may be answered like this: check the server's region.", message_of(failure)));
  } else {
    advise(findings, psprintf("%s. Check the server's region (or api_url) and that the database host may reach it.", message_of(failure)));
  }
}

void check_key(Findings* findings, PendoClientRef* client, const PendoOptions& options) {
  // twice: the second call finds the connection open and so shows the latency
  for (int i = 0; i < 2; ++i) {
    auto* box = pendo_box<pendo::Fetch>(CurrentMemoryContext);
    pendo::Fetch* fetch = open_verify(box, client, options.call);
    if (run(fetch) == pendo::Status::kFailed) {
      judge_failure(findings, fetch->failure());
      return;
    }
    findings->reachable = true;
    findings->latency_ms = fetch->elapsed_ms();
    if (i == 0) judge_answer(findings, fetch);
    box->object.reset();
  }
}

void check_track_host(Findings* findings, PendoClientRef* client) {
  auto* box = pendo_box<pendo::ConnectProbe>(CurrentMemoryContext);
  pendo::ConnectProbe* probe = pendo_make(box, [=](pendo::Failure& failure) { return pendo::ConnectProbe::create(*client, failure); });
  if (run(probe) == pendo::Status::kFailed) {
    advise(findings, psprintf("Track events cannot be sent: %s.", message_of(probe->failure())));
  }
}

// That can be had, of any app or of none.
bool has_track_secret(const PendoConfigText& config) {
  for (int i = 0; i < config.app_count; ++i) {
    if (config.app_secrets[i].secret.text) return true;
  }
  return config.track_secret.text;
}

void advise_of_problem(Findings* findings, const PendoSecretText& secret) {
  if (secret.problem) advise(findings, psprintf("%s. %s", secret.problem, secret.hint));
}

void advise_of_track_problems(Findings* findings, const PendoConfigText& config) {
  advise_of_problem(findings, config.track_secret);
  for (int i = 0; i < config.app_count; ++i) advise_of_problem(findings, config.app_secrets[i].secret);
}

void tell_all_is_well(Findings* findings, const PendoConfigText& config) {
  if (config.app_count == 0) {
    advise(findings, "All is well. Whether the track secret is right shows with the first event that is sent.");
    return;
  }
  advise(findings, "All is well. Whether a track secret is right shows with the first event that is sent to its app. There are secrets of the apps");
  for (int i = 0; i < config.app_count; ++i) {
    appendStringInfo(&findings->advice, "%s \"%s\"", i > 0 ? "," : "", config.app_secrets[i].app);
  }
  appendStringInfoString(&findings->advice, config.track_secret.text ? " and of events that name no app." : "; every event has to name one in its column app.");
}

// Without a key nothing is asked of the API, but the host is still tried.
void find_out(Findings* findings, ForeignServer* server, const PendoOptions& options) {
  PendoClientRef* client = pendo_session_client(server->serverid, GetUserId(), options);
  const PendoConfigText& config = options.config;
  advise_of_problem(findings, config.integration_key);
  if (config.integration_key.text) {
    check_key(findings, client, options);
  } else if (!config.integration_key.problem) {
    advise(findings, psprintf("No integration key: ALTER or CREATE USER MAPPING FOR %s SERVER %s with option integration_key.",
                              quote_identifier(GetUserNameFromId(GetUserId(), false)), quote_identifier(server->servername)));
  }
  advise_of_track_problems(findings, config);
  if (has_track_secret(config)) {
    check_track_host(findings, client);
  } else if (!config.track_secret.file && config.app_count == 0) {
    advise(findings, "No track secret: set the user mapping's track_secret to send track events (Subscription Settings > app > App Details).");
  }
  if (findings->advice.len == 0) tell_all_is_well(findings, config);
}

}  // namespace

extern "C" Datum pendo_fdw_check(PG_FUNCTION_ARGS) {
  pendo_ledger_require();
  ForeignServer* server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
  AclResult acl = pendo_server_acl(server->serverid);
  if (acl != ACLCHECK_OK) aclcheck_error(acl, OBJECT_FOREIGN_SERVER, server->servername);
  TupleDesc desc;
  if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "pendo_fdw_check must return a row");
  PendoOptions options = pendo_server_options(server, GetUserId());
  options.config = pendo_read_secret_files(options.config);
  Findings findings = {false, false, false, false, -1, {}};
  initStringInfo(&findings.advice);
  find_out(&findings, server, options);
  bool asked = options.config.integration_key.text;
  Datum values[] = {
      CStringGetTextDatum(server->servername),       CStringGetTextDatum(options.config.api_url),
      CStringGetTextDatum(options.config.track_url), BoolGetDatum(findings.reachable),
      BoolGetDatum(findings.key_valid),              BoolGetDatum(findings.write_access),
      BoolGetDatum(has_track_secret(options.config)), Int32GetDatum(static_cast<int32>(findings.latency_ms)),
      CStringGetTextDatum(findings.advice.data),
  };
  bool nulls[] = {false, false, false, !asked, !findings.key_known, !findings.key_known, false, findings.latency_ms < 0, false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
