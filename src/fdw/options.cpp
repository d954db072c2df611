// The table of options and the validator.
#include "fdw/options.h"

#include <cmath>

#include "fdw/entry.h"

#include "core/app_choice.h"
#include "core/object.h"
#include "core/printable.h"
#include "core/region.h"

extern "C" {
#include "pgtime.h"
#include "utils/datetime.h"
}

namespace {

enum Place : unsigned {
  kServer = 1,
  kMapping = 2,
  kTable = 4,
  kColumn = 8,
  kImport = 16,
};

struct OptionRule;
using Check = void (*)(const OptionRule& rule, const char* value);

// One option: where it may stand and what it may be.
struct OptionRule {
  const char* name;
  unsigned places;
  Check check;
  int64 min = 0;
  int64 max = 0;
  int unit = 0;  // GUC_UNIT_MS, GUC_UNIT_BYTE
};

[[noreturn]] void refuse_value(const OptionRule& rule, const char* value, const char* allowed) {
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                  errmsg("invalid value for option \"%s\": \"%s\"", rule.name, value),
                  errhint("Allowed: %s.", allowed)));
  pg_unreachable();
}

int64 parse_number(const OptionRule& rule, const char* value) {
  int result = 0;
  const char* hint = nullptr;
  bool parsed = parse_int(value, &result, rule.unit, &hint);
  if (parsed && result >= rule.min && result <= rule.max) return result;
  const char* unit = rule.unit == GUC_UNIT_MS ? " ms (a unit may follow: ms, s, min, h)"
                     : rule.unit == GUC_UNIT_BYTE ? " bytes (a unit may follow: B, kB, MB)"
                                                  : "";
  refuse_value(rule, value, psprintf("whole numbers from " INT64_FORMAT " to " INT64_FORMAT "%s", rule.min, rule.max, unit));
}

void check_number(const OptionRule& rule, const char* value) { parse_number(rule, value); }

bool parse_switch(const OptionRule& rule, const char* value) {
  bool result = false;
  if (!parse_bool(value, &result)) refuse_value(rule, value, "true, false");
  return result;
}

void check_switch(const OptionRule& rule, const char* value) { parse_switch(rule, value); }

void check_region(const OptionRule& rule, const char* value) {
  if (pendo::find_region(value)) return;
  StringInfoData list;
  initStringInfo(&list);
  for (const auto& region : pendo::all_regions()) {
    appendStringInfo(&list, "%s%.*s", list.len ? ", " : "", static_cast<int>(region.name.size()), region.name.data());
  }
  refuse_value(rule, value, list.data);
}

void check_object(const OptionRule& rule, const char* value) {
  if (pendo::find_object(value)) return;
  StringInfoData list;
  initStringInfo(&list);
  for (const auto& object : pendo::all_objects()) {
    appendStringInfo(&list, "%s%.*s", list.len ? ", " : "", static_cast<int>(object.name.size()), object.name.data());
  }
  refuse_value(rule, value, list.data);
}

// A key sent to another host is a key given away.
void need_superuser(const OptionRule& rule) {
  if (superuser()) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("only a superuser may set option \"%s\"", rule.name),
                  errhint("Without it the server's region decides where keys are sent. A server that has it is for a superuser to change.")));
}

void check_url(const OptionRule& rule, const char* value) {
  need_superuser(rule);
  const char* problem = pendo::base_url_problem(value);
  if (problem) refuse_value(rule, value, psprintf("https://host[:port], or http on the loopback interface; %s", problem));
}

void check_ca_file(const OptionRule& rule, const char* value) {
  need_superuser(rule);
  if (!is_absolute_path(value)) refuse_value(rule, value, "the absolute path of a file of PEM certificates on the database host");
}

// What goes into a header must not be able to start another one. The value is
// not shown: it is a secret.
void check_secret(const OptionRule& rule, const char* value) {
  bool good = *value != '\0' && strlen(value) <= 500;
  for (const char* c = value; *c; ++c) good = good && *c > ' ' && *c < 0x7f;
  if (good) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                  errmsg("invalid value for option \"%s\"", rule.name),
                  errhint("Allowed: 1 to 500 printable ASCII characters without blanks.")));
}

void check_delivery(const OptionRule& rule, const char* value) {
  if (strcmp(value, "commit") == 0 || strcmp(value, "statement") == 0) return;
  if (strcmp(value, "outbox") == 0) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("delivery \"outbox\" is not available in this version"),
                    errhint("Use delivery 'commit': records are sent just before the transaction commits.")));
  }
  refuse_value(rule, value, "commit, statement");
}

void check_null_as(const OptionRule& rule, const char* value) {
  if (strcmp(value, "null") != 0 && strcmp(value, "empty") != 0 && strcmp(value, "skip") != 0) {
    refuse_value(rule, value, "null, empty, skip");
  }
}

void check_duplicates(const OptionRule& rule, const char* value) {
  if (strcmp(value, "last") != 0 && strcmp(value, "error") != 0) refuse_value(rule, value, "last, error");
}

void check_guard(const OptionRule& rule, const char* value) {
  if (strcmp(value, "warn") != 0 && strcmp(value, "reject") != 0 && strcmp(value, "error") != 0) {
    refuse_value(rule, value, "warn, reject, error");
  }
}

PendoLimit parse_limit(const OptionRule& rule, const char* value) {
  char* end = nullptr;
  errno = 0;
  PendoLimit limit;
  limit.value = strtod(value, &end);
  limit.is_percent = *end == '%';
  bool good = end != value && errno == 0 && *(end + (limit.is_percent ? 1 : 0)) == '\0' && limit.value >= 0;
  if (limit.is_percent) {
    good = good && limit.value <= 100;
  } else {
    good = good && limit.value == floor(limit.value) && limit.value < 1e15;
  }
  if (!good) refuse_value(rule, value, "a number of records as in '100', or a share of all as in '5%'");
  return limit;
}

void check_limit(const OptionRule& rule, const char* value) { parse_limit(rule, value); }

void check_bad_value(const OptionRule& rule, const char* value) {
  if (strcmp(value, "error") != 0 && strcmp(value, "null") != 0) refuse_value(rule, value, "error, null");
}

void check_app_id(const OptionRule& rule, const char* value) {
  const char* problem = pendo::app_choice_problem(value);
  if (problem) refuse_value(rule, value, psprintf("default, *, or the ids of apps separated by commas, as in '-323232, 6561780136607744'; %s", problem));
}

void check_period(const OptionRule& rule, const char* value) {
  if (strcmp(value, "day") != 0 && strcmp(value, "hour") != 0) refuse_value(rule, value, "day, hour");
}

// Not by interval_in, whose error would not name the option.
bool is_interval(const char* value) {
  char work[256];
  char* fields[MAXDATEFIELDS];
  int types[MAXDATEFIELDS];
  int count = 0;
  int type = 0;
  struct pg_itm_in parts;
  int error = ParseDateTime(value, work, sizeof work, fields, types, MAXDATEFIELDS, &count);
  if (error == 0) error = DecodeInterval(fields, types, count, INTERVAL_FULL_RANGE, &type, &parts);
  return error == 0 && type == DTK_DELTA;
}

void check_window(const OptionRule& rule, const char* value) {
  const char* allowed = "an interval from 1 hour to 100 years, as in '30 days'";
  if (!is_interval(value)) refuse_value(rule, value, allowed);
  auto read = [](const char* text) {
    return DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  };
  Datum window = read(value);
  bool fits = DatumGetBool(DirectFunctionCall2(interval_ge, window, read("1 hour"))) &&
              DatumGetBool(DirectFunctionCall2(interval_le, window, read("100 years")));
  if (!fits) refuse_value(rule, value, allowed);
}

// Only names that have a rule for summer time: 'EST+5' and the like mean the
// contrary of what people expect.
void check_time_zone(const OptionRule& rule, const char* value) {
  bool found = false;
  pg_tzenum* zones = pg_tzenumerate_start();
  while (pg_tz* zone = pg_tzenumerate_next(zones)) found = found || pg_strcasecmp(pg_get_timezone_name(zone), value) == 0;
  pg_tzenumerate_end(zones);
  if (!found) refuse_value(rule, value, "the names of pg_timezone_names, as in 'America/New_York'");
}

void check_path(const OptionRule& rule, const char* value) {
  if (*value == '\0' || strlen(value) > 1000) refuse_value(rule, value, "<group>.<field> as in 'custom.plan', or the path of a standard column");
}

void check_groups(const OptionRule& rule, const char* value) {
  List* groups = NIL;
  if (!SplitIdentifierString(pstrdup(value), ',', &groups)) refuse_value(rule, value, "group names separated by commas, as in 'agent, custom'");
}

const OptionRule kRules[] = {
    {"region", kServer, check_region},
    {"api_url", kServer, check_url},
    {"track_url", kServer, check_url},
    {"ca_file", kServer, check_ca_file},
    {"connect_timeout", kServer, check_number, 1, 3'600'000, GUC_UNIT_MS},
    {"request_timeout", kServer, check_number, 1, 86'400'000, GUC_UNIT_MS},
    {"integration_key", kMapping, check_secret},
    {"track_secret", kMapping, check_secret},
    {"delivery", kServer | kTable, check_delivery},
    {"delivery_timeout", kServer | kTable, check_number, 1, 86'400'000, GUC_UNIT_MS},
    {"reject_limit", kServer | kTable, check_limit},
    {"missing_limit", kServer | kTable, check_limit},
    {"only_changes", kServer | kTable, check_switch},
    {"create_missing", kServer | kTable, check_switch},
    {"create_fields", kServer | kTable, check_switch},
    {"null_as", kServer | kTable, check_null_as},
    {"on_duplicate", kServer | kTable, check_duplicates},
    {"on_guard", kServer | kTable, check_guard},
    {"batch_size", kServer | kTable, check_number, 1, 100'000},
    {"batch_bytes", kServer | kTable, check_number, 1024, 8 << 20, GUC_UNIT_BYTE},
    {"concurrency", kServer | kTable, check_number, 1, 64},
    {"event_concurrency", kServer | kTable, check_number, 1, 64},
    {"max_retries", kServer | kTable, check_number, 0, 100},
    {"retry_timeout", kServer | kTable, check_number, 0, 86'400'000, GUC_UNIT_MS},
    {"on_bad_value", kServer | kTable | kImport, check_bad_value},
    {"page_size", kServer | kTable, check_number, 1, 1'000'000},
    {"include_anonymous", kServer | kTable, check_switch},
    {"updatable", kServer | kTable, check_switch},
    {"app_id", kServer | kTable, check_app_id},
    {"time_zone", kServer | kTable, check_time_zone},
    {"period", kTable, check_period},
    {"default_window", kTable, check_window},
    {"object", kTable, check_object},
    {"path", kColumn, check_path},
    {"strict_type", kColumn, check_switch},
    {"include_hidden", kImport, check_switch},
    {"include_deleted", kImport, check_switch},
    {"groups", kImport, check_groups},
};

const char* place_name(unsigned place) {
  switch (place) {
    case kServer: return "a server";
    case kMapping: return "a user mapping";
    case kTable: return "a foreign table";
    case kColumn: return "a column";
    case kImport: return "IMPORT FOREIGN SCHEMA";
    default: return "the foreign-data wrapper";
  }
}

const OptionRule* find_rule(const char* name) {
  for (const auto& rule : kRules) {
    if (strcmp(rule.name, name) == 0) return &rule;
  }
  return nullptr;
}

// The closest option of that place, as palloc'd text, or nullptr.
const char* closest_option(const char* name, unsigned place) {
  const char* best = nullptr;
  [&]() noexcept {
    pendo::ClosestMatch match(name);
    for (const auto& rule : kRules) {
      if (rule.places & place) match.offer(rule.name);
    }
    for (const auto& rule : kRules) {
      if (match.best() == rule.name) best = rule.name;
    }
  }();
  return best;
}

[[noreturn]] void refuse_option(const char* name, unsigned place) {
  const OptionRule* elsewhere = find_rule(name);
  if (elsewhere && (elsewhere->places & kMapping)) {
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                    errmsg("option \"%s\" is a secret and does not belong on %s", name, place_name(place)),
                    errdetail("Everybody may read the options of servers and tables."),
                    errhint("Set it in the user mapping: CREATE USER MAPPING FOR ... SERVER ... OPTIONS (%s '...').", name)));
  }
  StringInfoData list;
  initStringInfo(&list);
  for (const auto& rule : kRules) {
    if (rule.places & place) appendStringInfo(&list, "%s%s", list.len ? ", " : "", rule.name);
  }
  const char* closest = closest_option(name, place);
  const char* guess = closest ? psprintf("Perhaps you meant \"%s\". ", closest) : "";
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                  errmsg("invalid option \"%s\" for %s", name, place_name(place)),
                  list.len ? errhint("%sOptions of %s: %s.", guess, place_name(place), list.data)
                           : errhint("There are no options for %s.", place_name(place))));
  pg_unreachable();
}

void validate(List* options, unsigned place) {
  ListCell* cell;
  foreach (cell, options) {
    auto* def = lfirst_node(DefElem, cell);
    const OptionRule* rule = find_rule(def->defname);
    if (!rule || !(rule->places & place)) refuse_option(def->defname, place);
    rule->check(*rule, defGetString(def));
  }
}

const char* find_option(List* options, const char* name) {
  ListCell* cell;
  foreach (cell, options) {
    auto* def = lfirst_node(DefElem, cell);
    if (strcmp(def->defname, name) == 0) return defGetString(def);
  }
  return nullptr;
}

int64 number_option(List* options, const char* name, int64 otherwise) {
  const char* value = find_option(options, name);
  return value ? parse_number(*find_rule(name), value) : otherwise;
}

bool switch_option(List* options, const char* name, bool otherwise) {
  const char* value = find_option(options, name);
  return value ? parse_switch(*find_rule(name), value) : otherwise;
}

PendoLimit limit_option(List* options, const char* name, PendoLimit otherwise) {
  const char* value = find_option(options, name);
  return value ? parse_limit(*find_rule(name), value) : otherwise;
}

pendo::NullAs null_as_of(const char* value) {
  if (strcmp(value, "empty") == 0) return pendo::NullAs::kEmpty;
  return strcmp(value, "skip") == 0 ? pendo::NullAs::kSkip : pendo::NullAs::kNull;
}

Guard guard_of(const char* value) {
  if (strcmp(value, "error") == 0) return Guard::kError;
  return strcmp(value, "reject") == 0 ? Guard::kReject : Guard::kWarn;
}

void apply_writing(PendoOptions* result, List* options) {
  const char* delivery = find_option(options, "delivery");
  if (delivery) result->delivery = strcmp(delivery, "statement") == 0 ? Delivery::kStatement : Delivery::kCommit;
  const char* duplicates = find_option(options, "on_duplicate");
  if (duplicates) result->refuse_duplicates = strcmp(duplicates, "error") == 0;
  const char* null_as = find_option(options, "null_as");
  if (null_as) result->null_as = null_as_of(null_as);
  const char* guard = find_option(options, "on_guard");
  if (guard) result->on_guard = guard_of(guard);
  result->delivery_timeout_ms = number_option(options, "delivery_timeout", result->delivery_timeout_ms);
  result->reject_limit = limit_option(options, "reject_limit", result->reject_limit);
  result->missing_limit = limit_option(options, "missing_limit", result->missing_limit);
  result->only_changes = switch_option(options, "only_changes", result->only_changes);
  result->create_missing = switch_option(options, "create_missing", result->create_missing);
  result->call.create_fields = switch_option(options, "create_fields", result->call.create_fields);
}

// Options that a table may set differently from its server.
void apply_shared(PendoOptions* result, List* options) {
  pendo::CallOptions& call = result->call;
  call.batch_size = static_cast<int>(number_option(options, "batch_size", call.batch_size));
  call.batch_bytes = number_option(options, "batch_bytes", call.batch_bytes);
  call.concurrency = static_cast<int>(number_option(options, "concurrency", call.concurrency));
  call.event_concurrency = static_cast<int>(number_option(options, "event_concurrency", call.event_concurrency));
  call.max_retries = static_cast<int>(number_option(options, "max_retries", call.max_retries));
  call.retry_timeout_ms = number_option(options, "retry_timeout", call.retry_timeout_ms);
  call.page_size = static_cast<int>(number_option(options, "page_size", call.page_size));
  call.include_anonymous = switch_option(options, "include_anonymous", call.include_anonymous);
  result->updatable = switch_option(options, "updatable", result->updatable);
  const char* app = find_option(options, "app_id");
  if (app) call.app_id = app;
  const char* zone = find_option(options, "time_zone");
  if (zone) result->time_zone = zone;
  apply_writing(result, options);
  const char* bad = find_option(options, "on_bad_value");
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
List* mapping_options(Oid server, Oid user, bool* exists) {
  HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user), ObjectIdGetDatum(server));
  if (!HeapTupleIsValid(tuple)) {
    tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
  }
  *exists = HeapTupleIsValid(tuple);
  if (!*exists) return NIL;
  bool isnull = false;
  Datum datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isnull);
  List* options = isnull ? NIL : untransformRelOptions(datum);
  ReleaseSysCache(tuple);
  return options;
}

}  // namespace

PendoOptions pendo_server_options(ForeignServer* server, Oid user) {
  PendoOptions result{};
  result.call = pendo::CallOptions{};
  List* options = server->options;
  const char* region_name = find_option(options, "region");
  const pendo::Region* region = region_name ? pendo::find_region(region_name) : nullptr;
  const char* api_url = find_option(options, "api_url");
  const char* track_url = find_option(options, "track_url");
  if (!region && !api_url) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
                    errmsg("server \"%s\" has no region", server->servername),
                    errhint("ALTER SERVER %s OPTIONS (ADD region 'us'); regions: us, us1, eu, jp, au.",
                            quote_identifier(server->servername))));
  }
  List* mapping = mapping_options(server->serverid, user, &result.config.has_mapping);
  result.config.server_name = server->servername;
  result.config.api_url = base_url(api_url ? api_url : region->api_url.data());
  result.config.track_url = base_url(track_url ? track_url : region ? region->track_url.data() : api_url);
  result.config.ca_file = find_option(options, "ca_file");
  result.config.integration_key = find_option(mapping, "integration_key");
  result.config.track_secret = find_option(mapping, "track_secret");
  result.config.connect_timeout_ms = number_option(options, "connect_timeout", 10'000);
  result.config.request_timeout_ms = number_option(options, "request_timeout", 330'000);
  apply_shared(&result, options);
  return result;
}

PendoOptions pendo_table_options(ForeignTable* table, Oid user) {
  PendoOptions result = pendo_server_options(GetForeignServer(table->serverid), user);
  apply_shared(&result, table->options);
  const char* window = find_option(table->options, "default_window");
  if (window) result.default_window = window;
  const char* period = find_option(table->options, "period");
  result.by_hour = period && strcmp(period, "hour") == 0;
  return result;
}

bool pendo_only_changes = false;

bool pendo_compares_first(const PendoOptions& options) { return options.only_changes || pendo_only_changes; }

bool pendo_is_updatable(ForeignTable* table) {
  bool of_server = switch_option(GetForeignServer(table->serverid)->options, "updatable", true);
  return switch_option(table->options, "updatable", of_server);
}

bool pendo_creates_missing(ForeignTable* table) {
  bool of_server = switch_option(GetForeignServer(table->serverid)->options, "create_missing", false);
  return switch_option(table->options, "create_missing", of_server);
}

PendoImportOptions pendo_import_options(List* options) {
  validate(options, kImport);
  PendoImportOptions result;
  result.include_hidden = switch_option(options, "include_hidden", false);
  result.include_deleted = switch_option(options, "include_deleted", false);
  result.on_bad_value = find_option(options, "on_bad_value");
  const char* groups = find_option(options, "groups");
  if (groups) SplitIdentifierString(pstrdup(groups), ',', &result.groups);
  return result;
}

extern "C" Datum pendo_fdw_validator(PG_FUNCTION_ARGS) {
  List* options = untransformRelOptions(PG_GETARG_DATUM(0));
  unsigned place = 0;
  switch (PG_GETARG_OID(1)) {
    case ForeignServerRelationId: place = kServer; break;
    case UserMappingRelationId: place = kMapping; break;
    case ForeignTableRelationId: place = kTable; break;
    case AttributeRelationId: place = kColumn; break;
    default: break;
  }
  validate(options, place);
  bool no_region = place == kServer && !find_option(options, "region") && !find_option(options, "api_url");
  if (no_region) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("option \"region\" is missing"),
                    errhint("It says where the subscription is: us, us1, eu, jp or au.")));
  }
  bool no_object = place == kTable && !find_option(options, "object");
  if (no_object) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("option \"object\" is missing"),
                    errhint("It says what the table shows: visitors, accounts, track_events or track_event_counts.")));
  }
  PG_RETURN_VOID();
}
