// What the options of a server, a table and a user mapping amount to.
#include "fdw/options.h"

#include "core/region.h"

extern "C" {
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
}

namespace {

pendo::NullAs null_as_of(const char* value) {
  if (strcmp(value, "empty") == 0) return pendo::NullAs::kEmpty;
  return strcmp(value, "skip") == 0 ? pendo::NullAs::kSkip : pendo::NullAs::kNull;
}

Guard guard_of(const char* value) {
  if (strcmp(value, "error") == 0) return Guard::kError;
  return strcmp(value, "reject") == 0 ? Guard::kReject : Guard::kWarn;
}

Delivery delivery_of(const char* value) {
  if (strcmp(value, "outbox") == 0) return Delivery::kOutbox;
  return strcmp(value, "statement") == 0 ? Delivery::kStatement : Delivery::kCommit;
}

void apply_writing(PendoOptions* result, List* options) {
  const char* delivery = pendo_find_option(options, "delivery");
  if (delivery) result->delivery = delivery_of(delivery);
  const char* duplicates = pendo_find_option(options, "on_duplicate");
  if (duplicates) result->refuse_duplicates = strcmp(duplicates, "error") == 0;
  const char* null_as = pendo_find_option(options, "null_as");
  if (null_as) result->null_as = null_as_of(null_as);
  const char* guard = pendo_find_option(options, "on_guard");
  if (guard) result->on_guard = guard_of(guard);
  const char* ambiguous = pendo_find_option(options, "on_ambiguous");
  if (ambiguous) result->call.retry_ambiguous = strcmp(ambiguous, "retry") == 0;
  result->max_attempts = static_cast<int>(pendo_number_option(options, "max_attempts", result->max_attempts));
  result->delivery_timeout_ms = pendo_number_option(options, "delivery_timeout", result->delivery_timeout_ms);
  result->reject_limit = pendo_limit_option(options, "reject_limit", result->reject_limit);
  result->missing_limit = pendo_limit_option(options, "missing_limit", result->missing_limit);
  result->only_changes = pendo_switch_option(options, "only_changes", result->only_changes);
  result->create_missing = pendo_switch_option(options, "create_missing", result->create_missing);
  result->call.create_fields = pendo_switch_option(options, "create_fields", result->call.create_fields);
}

// Options that a table may set differently from its server.
void apply_shared(PendoOptions* result, List* options) {
  pendo::CallOptions& call = result->call;
  call.batch_size = static_cast<int>(pendo_number_option(options, "batch_size", call.batch_size));
  call.batch_bytes = pendo_number_option(options, "batch_bytes", call.batch_bytes);
  call.concurrency = static_cast<int>(pendo_number_option(options, "concurrency", call.concurrency));
  call.event_concurrency = static_cast<int>(pendo_number_option(options, "event_concurrency", call.event_concurrency));
  call.max_retries = static_cast<int>(pendo_number_option(options, "max_retries", call.max_retries));
  call.retry_timeout_ms = pendo_number_option(options, "retry_timeout", call.retry_timeout_ms);
  call.page_size = static_cast<int>(pendo_number_option(options, "page_size", call.page_size));
  call.include_anonymous = pendo_switch_option(options, "include_anonymous", call.include_anonymous);
  result->updatable = pendo_switch_option(options, "updatable", result->updatable);
  const char* app = pendo_find_option(options, "app_id");
  if (app) call.app_id = app;
  const char* zone = pendo_find_option(options, "time_zone");
  if (zone) result->time_zone = zone;
  apply_writing(result, options);
  const char* bad = pendo_find_option(options, "on_bad_value");
  if (bad) result->on_bad_value = strcmp(bad, "null") == 0 ? BadValue::kNull : BadValue::kError;
}

// Paths begin with a slash, so the URL must not end with one.
char* base_url(const char* url) {
  char* text = pstrdup(url);
  size_t length = strlen(text);
  if (length > 0 && text[length - 1] == '/') text[length - 1] = '\0';
  return text;
}

// Unlike GetUserMapping, a missing mapping is no error here: what needs a key
// says so itself, with the server's name and what to do.
List* mapping_options(Oid server, Oid user, bool* exists, Oid* whose) {
  HeapTuple tuple = pendo_mapping_row(server, user);
  *exists = HeapTupleIsValid(tuple);
  if (!*exists) return NIL;
  *whose = reinterpret_cast<Form_pg_user_mapping>(GETSTRUCT(tuple))->umuser;
  bool isnull = false;
  Datum datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isnull);
  List* options = isnull ? NIL : untransformRelOptions(datum);
  ReleaseSysCache(tuple);
  return options;
}

void set_app_secrets(PendoConfigText* config, List* options) {
  config->app_secrets = nullptr;
  config->app_count = 0;
  if (options == NIL) return;
  auto* secrets = static_cast<PendoAppSecret*>(palloc(sizeof(PendoAppSecret) * static_cast<Size>(list_length(options))));
  config->app_secrets = secrets;
  ListCell* cell;
  foreach (cell, options) {
    auto* def = lfirst_node(DefElem, cell);
    const char* app = pendo_option_suffix(def->defname, kAppSecretPrefix);
    if (app) secrets[config->app_count++] = {app, {.text = defGetString(def)}};
    app = pendo_option_suffix(def->defname, kAppSecretFilePrefix);
    if (app) secrets[config->app_count++] = {app, {.file = defGetString(def)}};
  }
}

// `whose`: invalid for everybody's. The role may be gone by now.
char* mapping_name(const char* server, Oid whose) {
  char* role = OidIsValid(whose) ? GetUserNameFromId(whose, true) : nullptr;
  const char* name = role ? quote_identifier(role) : OidIsValid(whose) ? "..." : "PUBLIC";
  return psprintf("%s SERVER %s", name, quote_identifier(server));
}

void set_secrets(PendoConfigText* config, ForeignServer* server, Oid user) {
  Oid whose = user;  // where there is none, this is the one to make
  List* options = mapping_options(server->serverid, user, &config->has_mapping, &whose);
  config->mapping = mapping_name(server->servername, whose);
  config->integration_key.text = pendo_find_option(options, "integration_key");
  config->integration_key.file = pendo_find_option(options, "integration_key_file");
  config->track_secret.text = pendo_find_option(options, "track_secret");
  config->track_secret.file = pendo_find_option(options, "track_secret_file");
  set_app_secrets(config, options);
}

// By its name in the library: functions in C are made by superusers alone.
bool is_our_validator(Oid function) {
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return false;
  bool isnull = false;
  Datum source = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosrc, &isnull);
  bool is_c = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->prolang == ClanguageId;
  bool is_ours = is_c && !isnull && strcmp(TextDatumGetCString(source), "pendo_fdw_validator") == 0;
  ReleaseSysCache(row);
  return is_ours;
}

// Who may name any host has it called. pendo_fdw_check() takes every server, and
// a wrapper may have our handler without our validator.
void refuse_unchecked(const ForeignServer* server) {
  ForeignDataWrapper* wrapper = GetForeignDataWrapper(server->fdwid);
  if (is_our_validator(wrapper->fdwvalidator)) return;
  ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                  errmsg("server \"%s\" is not one of pendo_fdw", server->servername),
                  errdetail("The options of foreign-data wrapper \"%s\" are not checked by pendo_fdw_validator.", wrapper->fdwname),
                  errhint("CREATE SERVER ... FOREIGN DATA WRAPPER pendo_fdw makes one.")));
}

}  // namespace

HeapTuple pendo_mapping_row(Oid server, Oid user) {
  HeapTuple row = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user), ObjectIdGetDatum(server));
  if (HeapTupleIsValid(row)) return row;
  return SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
}

PendoOptions pendo_server_options(ForeignServer* server, Oid user) {
  refuse_unchecked(server);
  PendoOptions result{};
  result.call = pendo::CallOptions{};
  List* options = server->options;
  const char* region_name = pendo_find_option(options, "region");
  const pendo::Region* region = region_name ? pendo::find_region(region_name) : nullptr;
  const char* api_url = pendo_find_option(options, "api_url");
  const char* track_url = pendo_find_option(options, "track_url");
  if (!region && !api_url) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
                    errmsg("server \"%s\" has no region", server->servername),
                    errhint("ALTER SERVER %s OPTIONS (ADD region 'us'); regions: us, us1, eu, jp, au.",
                            quote_identifier(server->servername))));
  }
  result.config.server_name = server->servername;
  result.config.api_url = base_url(api_url ? api_url : region->api_url.data());
  result.config.track_url = base_url(track_url ? track_url : region ? region->track_url.data() : api_url);
  result.config.ca_file = pendo_find_option(options, "ca_file");
  set_secrets(&result.config, server, user);
  result.config.connect_timeout_ms = pendo_number_option(options, "connect_timeout", 10'000);
  result.config.request_timeout_ms = pendo_number_option(options, "request_timeout", 330'000);
  apply_shared(&result, options);
  return result;
}

PendoOptions pendo_table_options(ForeignTable* table, Oid user) {
  PendoOptions result = pendo_server_options(GetForeignServer(table->serverid), user);
  apply_shared(&result, table->options);
  const char* window = pendo_find_option(table->options, "default_window");
  if (window) result.default_window = window;
  const char* period = pendo_find_option(table->options, "period");
  result.by_hour = period && strcmp(period, "hour") == 0;
  return result;
}

bool pendo_only_changes = false;

bool pendo_compares_first(const PendoOptions& options) { return options.only_changes || pendo_only_changes; }

const char* pendo_delivery_word(Delivery delivery) {
  switch (delivery) {
    case Delivery::kStatement: return "statement";
    case Delivery::kOutbox: return "outbox";
    default: return "commit";
  }
}

const char* pendo_ledger_retention(ForeignServer* server) {
  const char* value = pendo_find_option(server->options, "ledger_retention");
  return value ? value : "90 days";
}

bool pendo_is_updatable(const ForeignTable* table, const ForeignServer* server) {
  bool of_server = pendo_switch_option(server->options, "updatable", true);
  return pendo_switch_option(table->options, "updatable", of_server);
}

bool pendo_creates_missing(const ForeignTable* table, const ForeignServer* server) {
  bool of_server = pendo_switch_option(server->options, "create_missing", false);
  return pendo_switch_option(table->options, "create_missing", of_server);
}

PendoImportOptions pendo_import_options(List* options) {
  pendo_validate_options(options, kImport);
  PendoImportOptions result;
  result.include_hidden = pendo_switch_option(options, "include_hidden", false);
  result.include_deleted = pendo_switch_option(options, "include_deleted", false);
  result.on_bad_value = pendo_find_option(options, "on_bad_value");
  const char* groups = pendo_find_option(options, "groups");
  if (groups) SplitIdentifierString(pstrdup(groups), ',', &result.groups);
  return result;
}
