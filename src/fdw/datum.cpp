// Conversions, type by type.
#include "fdw/datum.h"

#include <cmath>
#include <limits>

#include "core/json_text.h"

extern "C" {
#include "catalog/namespace.h"
#include "common/int.h"
#include "utils/date.h"
#include "utils/datum.h"
}

namespace {

constexpr int64 kEpochShiftUs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

constexpr const char* kNotInEncoding = "it has a character that the database's encoding has not";

// UTF-8 from Pendo in the database's encoding; nullptr: it has no such character.
char* to_server(std::string_view text) {
  auto length = static_cast<int>(text.size());
  char* copy = pnstrdup(text.data(), text.size());
  int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) return copy;
  Size room = text.size() * MAX_CONVERSION_GROWTH + 1;
  auto* result = static_cast<unsigned char*>(palloc(room));
  Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
  if (!OidIsValid(conversion)) return nullptr;
  int taken = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, reinterpret_cast<unsigned char*>(copy), length,
                                            result, static_cast<int>(room), true);
  return taken == length ? reinterpret_cast<char*>(result) : nullptr;
}

// What is not valid in the database's own encoding goes on as it is: the core
// refuses the record and says so.
std::string_view to_utf8(const char* text, int length) {
  if (GetDatabaseEncoding() == PG_SQL_ASCII) return {text, static_cast<size_t>(length)};
  char* converted = pg_server_to_any(text, length, PG_UTF8);
  return {converted, converted == text ? static_cast<size_t>(length) : strlen(converted)};
}

// nullptr: it fits, `result` is set. Otherwise why not.
const char* int_datum(Oid type, int64 value, Datum* result) {
  if (type == INT8OID) {
    *result = Int64GetDatum(value);
    return nullptr;
  }
  int64 low = type == INT2OID ? PG_INT16_MIN : PG_INT32_MIN;
  int64 high = type == INT2OID ? PG_INT16_MAX : PG_INT32_MAX;
  if (value < low || value > high) return "it is out of range";
  *result = type == INT2OID ? Int16GetDatum(static_cast<int16>(value)) : Int32GetDatum(static_cast<int32>(value));
  return nullptr;
}

const char* float_datum(Oid type, double value, Datum* result) {
  if (type == FLOAT8OID) {
    *result = Float8GetDatum(value);
    return nullptr;
  }
  auto narrow = static_cast<float>(value);
  bool lost = std::isinf(narrow) || (narrow == 0 && value != 0);
  if (lost) return "it is out of range";
  *result = Float4GetDatum(narrow);
  return nullptr;
}

const char* parse_json(Oid type, std::string_view text, Datum* result) {
  char* server = to_server(text);
  if (!server) return kNotInEncoding;
  *result = DirectFunctionCall1(type == JSONOID ? json_in : jsonb_in, CStringGetDatum(server));
  return nullptr;
}

// Parsing takes several times the memory of what it makes: of a large value it
// is given back before the next one is made.
const char* json_datum(Oid type, std::string_view text, Datum* result) {
  constexpr size_t kLarge = 64 << 10;
  if (text.size() < kLarge) return parse_json(type, text, result);
  MemoryContext context = CurrentMemoryContext;
  MemoryContext parsing = AllocSetContextCreate(context, "pendo_fdw parsing", ALLOCSET_DEFAULT_SIZES);
  MemoryContextSwitchTo(parsing);
  const char* problem = parse_json(type, text, result);
  MemoryContextSwitchTo(context);
  if (!problem) *result = datumCopy(*result, false, -1);
  MemoryContextDelete(parsing);
  return problem;
}

Datum numeric_of(const char* text) {
  return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

bool numeric_less(Datum a, Datum b) { return DatumGetBool(DirectFunctionCall2(numeric_lt, a, b)); }

// What numeric(p,s) would round or refuse is told like any other bad value.
const char* numeric_datum(std::string_view text, int32 typmod, Datum* result) {
  *result = numeric_of(pnstrdup(text.data(), text.size()));
  if (typmod < static_cast<int32>(VARHDRSZ)) return nullptr;
  int precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
  int scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
  Datum rounded = DirectFunctionCall2(numeric_round, *result, Int32GetDatum(scale));
  if (!DatumGetBool(DirectFunctionCall2(numeric_eq, rounded, *result))) return psprintf("it has more than %d digits after the point", scale);
  Datum limit = numeric_of(psprintf("1e%d", precision - scale));
  if (!numeric_less(DirectFunctionCall1(numeric_abs, *result), limit)) return "it is out of range";
  *result = DirectFunctionCall2(numeric, *result, Int32GetDatum(typmod));
  return nullptr;
}

const char* time_datum(int64 unix_us, int32 typmod, Datum* result) {
  TimestampTz time = unix_us - kEpochShiftUs;
  *result = TimestampTzGetDatum(time);
  if (typmod < 0) return nullptr;
  Datum rounded = DirectFunctionCall2(timestamptz_scale, *result, Int32GetDatum(typmod));
  return DatumGetTimestampTz(rounded) == time ? nullptr : "it is more exact than the column";
}

const char* text_datum(const PendoColumn* column, std::string_view text, Datum* result) {
  const char* server = text.data();
  auto length = static_cast<int>(text.size());
  if (GetDatabaseEncoding() != PG_UTF8) {
    server = to_server(text);
    if (!server) return kNotInEncoding;
    length = static_cast<int>(strlen(server));
  }
  *result = PointerGetDatum(cstring_to_text_with_len(server, length));
  if (column->type != VARCHAROID || column->typmod < 0) return nullptr;
  int limit = column->typmod - VARHDRSZ;
  return pg_mbstrlen_with_len(server, length) > limit ? psprintf("it is longer than %d characters", limit) : nullptr;
}

const char* convert(const PendoColumn* column, const pendo::Value& value, Datum* result) {
  switch (value.kind) {
    case pendo::ValueKind::kBool:
      *result = BoolGetDatum(value.boolean);
      return nullptr;
    case pendo::ValueKind::kInt:
      return int_datum(column->type, value.integer, result);
    case pendo::ValueKind::kFloat:
      return float_datum(column->type, value.real, result);
    case pendo::ValueKind::kNumber:
      return numeric_datum(value.text, column->typmod, result);
    case pendo::ValueKind::kTime:
      return time_datum(value.integer, column->typmod, result);
    case pendo::ValueKind::kText:
      return text_datum(column, value.text, result);
    case pendo::ValueKind::kJson:
      return json_datum(column->type, value.text, result);
    default:
      return "it has no kind";
  }
}

// jsonb holds what is in the JSON, but for characters and numbers that PostgreSQL has not.
const char* advice(const PendoTable* table, const PendoColumn* column, const char* why, std::string_view raw) {
  const char* alter = psprintf("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE", table->name, quote_identifier(column->name));
  if (column->is_key) return psprintf("%s text; holds every id.", alter);
  const char* skip = psprintf("ALTER FOREIGN TABLE %s OPTIONS (ADD on_bad_value 'null'); makes such values NULL.", table->name);
  bool jsonb_helps = why != kNotInEncoding && to_server(raw) && !pendo::jsonb_problem(raw);
  return jsonb_helps ? psprintf("%s jsonb; shows every value as it is; %s", alter, skip) : skip;
}

[[noreturn]] void report_bad(const PendoTable* table, const PendoColumn* column, const char* why, std::string_view raw,
                             std::string_view row_key) {
  constexpr int kShown = 100;
  char* shown = pendo_message_text(raw.data(), static_cast<size_t>(pg_encoding_mbcliplen(PG_UTF8, raw.data(), static_cast<int>(raw.size()), kShown)));
  ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                  errmsg("column \"%s\" of %s cannot hold Pendo's value %s%s of \"%s\"", column->name, table->name, shown,
                         raw.size() > kShown ? "..." : "", pendo_message_text(row_key.data(), row_key.size())),
                  errdetail("The column has type %s, but %s.", format_type_with_typemod(column->type, column->typmod), why),
                  errhint("%s", advice(table, column, why, raw))));
  pg_unreachable();
}

void check_domain(const PendoColumn* column, Datum datum, bool isnull) {
  if (OidIsValid(column->domain)) domain_check(datum, isnull, column->domain, nullptr, CurrentMemoryContext);
}

pendo::Value from_text(Datum datum) {
  text* value = DatumGetTextPP(datum);
  return pendo::Value::of_text(to_utf8(VARDATA_ANY(value), static_cast<int>(VARSIZE_ANY_EXHDR(value))));
}

pendo::Value from_output(Datum (*function)(PG_FUNCTION_ARGS), Datum datum, pendo::Value (*make)(std::string_view)) {
  char* text = DatumGetCString(DirectFunctionCall1(function, datum));
  return make(to_utf8(text, static_cast<int>(strlen(text))));
}

pendo::Value from_time(Datum datum) {
  TimestampTz time = DatumGetTimestampTz(datum);
  if (TIMESTAMP_NOT_FINITE(time)) return pendo::Value::bad("infinity is not a time that Pendo knows");
  int64 unix_us = 0;
  if (pg_add_s64_overflow(time, kEpochShiftUs, &unix_us)) return pendo::Value::bad("it is too late a time");
  return pendo::Value::of_time(unix_us);
}

// A row without its key would be another row. With null_as 'empty', an empty text
// in a column of another type is what NULL was sent as.
bool must_tell(const PendoTable* table, const PendoColumn* column, const pendo::Value& value) {
  if (column->is_key) return true;
  if (table->options.null_as == pendo::NullAs::kEmpty && value.raw == "\"\"") return false;
  return table->options.on_bad_value == BadValue::kError;
}

}  // namespace

Datum pendo_to_datum(const PendoTable* table, const PendoColumn* column, const pendo::Value& value,
                     std::string_view row_key, bool* isnull) {
  Datum datum = static_cast<Datum>(0);
  *isnull = value.kind == pendo::ValueKind::kNull;
  if (!*isnull) {
    bool bad = value.kind == pendo::ValueKind::kBad;
    const char* why = bad ? pnstrdup(value.text.data(), value.text.size()) : convert(column, value, &datum);
    if (why && must_tell(table, column, value)) report_bad(table, column, why, value.raw, row_key);
    *isnull = why != nullptr;
  }
  check_domain(column, datum, *isnull);
  return datum;
}

bool pendo_can_hold(const PendoColumn* column, const pendo::Value& value) {
  Datum datum = static_cast<Datum>(0);
  return convert(column, value, &datum) == nullptr;
}

pendo::Value pendo_from_datum(const PendoColumn* column, Datum datum, bool isnull) {
  if (isnull) return pendo::Value::null();
  switch (column->type) {
    case BOOLOID: return pendo::Value::of_bool(DatumGetBool(datum));
    case INT2OID: return pendo::Value::of_int(DatumGetInt16(datum));
    case INT4OID: return pendo::Value::of_int(DatumGetInt32(datum));
    case INT8OID: return pendo::Value::of_int(DatumGetInt64(datum));
    // its shortest text: as a double, 0.1 would go out as 0.10000000149011612
    case FLOAT4OID: return from_output(float4out, datum, pendo::Value::of_number);
    case FLOAT8OID: return pendo::Value::of_float(DatumGetFloat8(datum));
    case NUMERICOID: return from_output(numeric_out, datum, pendo::Value::of_number);
    case TIMESTAMPTZOID: return from_time(datum);
    case JSONBOID: return from_output(jsonb_out, datum, pendo::Value::of_json);
    case JSONOID: return from_output(json_out, datum, pendo::Value::of_json);
    default: return from_text(datum);
  }
}

std::string_view pendo_key_text(Datum datum) { return from_text(datum).text; }

int64 pendo_unix_time(TimestampTz time) {
  int64 shifted = 0;
  return pg_add_s64_overflow(time, kEpochShiftUs, &shifted) ? PG_INT64_MAX : shifted;
}
