// The table of options, and the validator.
#include "fdw/option_rules.h"

#include <cmath>
#include <string_view>

#include "core/app_choice.h"
#include "core/object.h"
#include "core/printable.h"
#include "core/region.h"
#include "core/secrets.h"
#include "fdw/entry.h"
#include "fdw/secret_file.h"

extern "C" {
#include "pgtime.h"
#include "utils/datetime.h"
}

namespace {

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

constexpr char kNullAsWords[] = "null, empty, skip";
constexpr char kDuplicateWords[] = "last, error";
constexpr char kGuardWords[] = "warn, reject, error";
constexpr char kBadValueWords[] = "error, null";
constexpr char kDeliveryWords[] = "commit, statement, outbox";
constexpr char kAmbiguousWords[] = "retry, uncertain";
constexpr char kPeriodWords[] = "day, hour";

// One of a few words.
template <const char* words>
void check_word(const OptionRule& rule, const char* value) {
  std::string_view rest = words;
  for (;;) {
    size_t end = rest.find(", ");
    if (rest.substr(0, end) == value) return;
    if (end == std::string_view::npos) refuse_value(rule, value, words);
    rest.remove_prefix(end + 2);
  }
}

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

void need_superuser(const OptionRule& rule, const char* hint) {
  if (superuser()) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("only a superuser may set option \"%s\"", rule.name), errhint("%s", hint)));
}

// A key sent to another host is a key given away.
constexpr const char* kServerHint =
    "Without it the server's region decides where keys are sent. A server that has it is for a superuser to change.";

// It makes the server read a file with rights that its users do not have.
constexpr const char* kMappingHint =
    "Without it the mapping holds the secret itself. A mapping that has it is for a superuser to change, as long as the option is not dropped.";

void check_url(const OptionRule& rule, const char* value) {
  need_superuser(rule, kServerHint);
  const char* problem = pendo::base_url_problem(value);
  if (problem) refuse_value(rule, value, psprintf("https://host[:port], or http on the loopback interface; %s", problem));
}

void check_ca_file(const OptionRule& rule, const char* value) {
  need_superuser(rule, kServerHint);
  if (!is_absolute_path(value)) refuse_value(rule, value, "the absolute path of a file of PEM certificates on the database host");
}

void check_secret_file(const OptionRule& rule, const char* value) {
  need_superuser(rule, kMappingHint);
  if (!is_absolute_path(value)) refuse_value(rule, value, "the absolute path of a file on the database host that holds the secret");
}

// The value is not shown: it is a secret.
void check_secret(const OptionRule& rule, const char* value) {
  if (pendo::is_secret(value)) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                  errmsg("invalid value for option \"%s\"", rule.name),
                  errhint("Allowed: 1 to 500 printable ASCII characters without blanks.")));
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

void check_app_id(const OptionRule& rule, const char* value) {
  const char* problem = pendo::app_choice_problem(value);
  if (problem) refuse_value(rule, value, psprintf("default, *, or the ids of apps separated by commas, as in '-323232, 6561780136607744'; %s", problem));
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

Datum read_interval(const char* text) {
  return DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

void check_interval(const OptionRule& rule, const char* value, const char* shortest, const char* example) {
  const char* allowed = psprintf("an interval from %s to 100 years, as in '%s'", shortest, example);
  if (!is_interval(value)) refuse_value(rule, value, allowed);
  Datum interval = read_interval(value);
  bool fits = DatumGetBool(DirectFunctionCall2(interval_ge, interval, read_interval(shortest))) &&
              DatumGetBool(DirectFunctionCall2(interval_le, interval, read_interval("100 years")));
  if (!fits) refuse_value(rule, value, allowed);
}

void check_window(const OptionRule& rule, const char* value) { check_interval(rule, value, "1 hour", "30 days"); }
void check_retention(const OptionRule& rule, const char* value) { check_interval(rule, value, "1 day", "90 days"); }

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
    {kAppSecretPrefix, kMapping, check_secret},
    {"integration_key_file", kMapping, check_secret_file},
    {"track_secret_file", kMapping, check_secret_file},
    {kAppSecretFilePrefix, kMapping, check_secret_file},
    {"delivery", kServer | kTable, check_word<kDeliveryWords>},
    {"max_attempts", kServer | kTable, check_number, 1, 1000},
    {"on_ambiguous", kServer | kTable, check_word<kAmbiguousWords>},
    {"ledger_retention", kServer, check_retention},
    {"delivery_timeout", kServer | kTable, check_number, 1, 86'400'000, GUC_UNIT_MS},
    {"reject_limit", kServer | kTable, check_limit},
    {"missing_limit", kServer | kTable, check_limit},
    {"only_changes", kServer | kTable, check_switch},
    {"create_missing", kServer | kTable, check_switch},
    {"create_fields", kServer | kTable, check_switch},
    {"null_as", kServer | kTable, check_word<kNullAsWords>},
    {"on_duplicate", kServer | kTable, check_word<kDuplicateWords>},
    {"on_guard", kServer | kTable, check_word<kGuardWords>},
    {"batch_size", kServer | kTable, check_number, 1, 100'000},
    {"batch_bytes", kServer | kTable, check_number, 1024, 8 << 20, GUC_UNIT_BYTE},
    {"concurrency", kServer | kTable, check_number, 1, 64},
    {"event_concurrency", kServer | kTable, check_number, 1, 64},
    {"max_retries", kServer | kTable, check_number, 0, 100},
    {"retry_timeout", kServer | kTable, check_number, 0, 86'400'000, GUC_UNIT_MS},
    {"on_bad_value", kServer | kTable | kImport, check_word<kBadValueWords>},
    {"page_size", kServer | kTable, check_number, 1, 1'000'000},
    {"include_anonymous", kServer | kTable, check_switch},
    {"updatable", kServer | kTable, check_switch},
    {"app_id", kServer | kTable, check_app_id},
    {"time_zone", kServer | kTable, check_time_zone},
    {"period", kTable, check_word<kPeriodWords>},
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

// Ends with a colon where an app follows.
bool takes_app(const OptionRule& rule) { return rule.name[strlen(rule.name) - 1] == ':'; }

const OptionRule* find_rule(const char* name) {
  for (const auto& rule : kRules) {
    bool is_meant = takes_app(rule) ? pendo_option_suffix(name, rule.name) != nullptr : strcmp(rule.name, name) == 0;
    if (is_meant) return &rule;
  }
  return nullptr;
}

void check_app(const char* name, const OptionRule& rule) {
  if (!takes_app(rule) || pendo::is_app_name(pendo_option_suffix(name, rule.name))) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
                  errhint("After the colon stands the app, as rows have it in the column app: 1 to 40 letters, digits, \"_\", \"-\" and \".\".")));
}

// What stands for the rule beside that name: an app is taken over.
const char* offered_name(const OptionRule& rule, const char* name) {
  if (!takes_app(rule)) return rule.name;
  const char* colon = strchr(name, ':');
  return psprintf("%s%s", rule.name, colon ? colon + 1 : "APP");
}

// The closest option of that place, or nullptr.
const char* closest_option(const char* name, unsigned place) {
  const char* offers[lengthof(kRules)];
  size_t count = 0;
  for (const auto& rule : kRules) {
    if (rule.places & place) offers[count++] = offered_name(rule, name);
  }
  const char* best = nullptr;
  [&]() noexcept {
    pendo::ClosestMatch match(name);
    for (size_t i = 0; i < count; ++i) match.offer(offers[i]);
    for (size_t i = 0; i < count; ++i) {
      if (match.best() == offers[i]) best = offers[i];
    }
  }();
  return best;
}

[[noreturn]] void refuse_option(const char* name, unsigned place) {
  const OptionRule* elsewhere = find_rule(name);
  if (elsewhere && elsewhere->check == check_secret) {
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                    errmsg("option \"%s\" is a secret and does not belong on %s", name, place_name(place)),
                    errdetail("Everybody may read the options of servers and tables."),
                    errhint("Set it in the user mapping: CREATE USER MAPPING FOR ... SERVER ... OPTIONS (%s '...').", quote_identifier(name))));
  }
  StringInfoData list;
  initStringInfo(&list);
  for (const auto& rule : kRules) {
    if (rule.places & place) appendStringInfo(&list, "%s%s", list.len ? ", " : "", offered_name(rule, ""));
  }
  const char* closest = closest_option(name, place);
  const char* guess = closest ? psprintf("Perhaps you meant \"%s\". ", closest) : "";
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                  errmsg("invalid option \"%s\" for %s", name, place_name(place)),
                  list.len ? errhint("%sOptions of %s: %s.", guess, place_name(place), list.data)
                           : errhint("There are no options for %s.", place_name(place))));
  pg_unreachable();
}

}  // namespace

void pendo_validate_options(List* options, unsigned place) {
  ListCell* cell;
  foreach (cell, options) {
    auto* def = lfirst_node(DefElem, cell);
    const OptionRule* rule = find_rule(def->defname);
    if (!rule || !(rule->places & place)) refuse_option(def->defname, place);
    check_app(def->defname, *rule);
    OptionRule named = *rule;
    named.name = def->defname;
    named.check(named, defGetString(def));
  }
}

const char* pendo_option_suffix(const char* name, const char* prefix) {
  size_t length = strlen(prefix);
  return strncmp(name, prefix, length) == 0 ? name + length : nullptr;
}

const char* pendo_find_option(List* options, const char* name) {
  ListCell* cell;
  foreach (cell, options) {
    auto* def = lfirst_node(DefElem, cell);
    if (strcmp(def->defname, name) == 0) return defGetString(def);
  }
  return nullptr;
}

int64 pendo_number_option(List* options, const char* name, int64 otherwise) {
  const char* value = pendo_find_option(options, name);
  return value ? parse_number(*find_rule(name), value) : otherwise;
}

bool pendo_switch_option(List* options, const char* name, bool otherwise) {
  const char* value = pendo_find_option(options, name);
  return value ? parse_switch(*find_rule(name), value) : otherwise;
}

PendoLimit pendo_limit_option(List* options, const char* name, PendoLimit otherwise) {
  const char* value = pendo_find_option(options, name);
  return value ? parse_limit(*find_rule(name), value) : otherwise;
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
  pendo_validate_options(options, place);
  if (place == kMapping) pendo_refuse_two_forms(options);
  bool no_region = place == kServer && !pendo_find_option(options, "region") && !pendo_find_option(options, "api_url");
  if (no_region) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("option \"region\" is missing"),
                    errhint("It says where the subscription is: us, us1, eu, jp or au.")));
  }
  bool no_object = place == kTable && !pendo_find_option(options, "object");
  if (no_object) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("option \"object\" is missing"),
                    errhint("It says what the table shows: visitors, accounts, track_events or track_event_counts.")));
  }
  PG_RETURN_VOID();
}
