// Conversions, type by type.
#include "fdw/datum.h"

#include <cmath>
#include <limits>

extern "C" {
#include "utils/date.h"
}

namespace {

constexpr int64 kEpochShiftUs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

// UTF-8 from Pendo in the database's encoding.
char* to_server(std::string_view text) {
  char* copy = pnstrdup(text.data(), text.size());
  return pg_any_to_server(copy, static_cast<int>(text.size()), PG_UTF8);
}

std::string_view to_utf8(const char* text, int length) {
  char* converted = pg_server_to_any(text, length, PG_UTF8);
  return {converted, converted == text ? static_cast<size_t>(length) : strlen(converted)};
}

Datum text_datum(std::string_view text) {
  if (GetDatabaseEncoding() == PG_UTF8) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  }
  return CStringGetTextDatum(to_server(text));
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

Datum in_function(Datum (*function)(PG_FUNCTION_ARGS), std::string_view text) {
  return DirectFunctionCall1(function, CStringGetDatum(to_server(text)));
}

Datum numeric_datum(std::string_view text, int32 typmod) {
  char* copy = pnstrdup(text.data(), text.size());
  return DirectFunctionCall3(numeric_in, CStringGetDatum(copy), ObjectIdGetDatum(InvalidOid), Int32GetDatum(typmod));
}

Datum time_datum(int64 unix_us, int32 typmod) {
  TimestampTz time = unix_us - kEpochShiftUs;
  if (typmod < 0) return TimestampTzGetDatum(time);
  return DirectFunctionCall2(timestamptz_scale, TimestampTzGetDatum(time), Int32GetDatum(typmod));
}

const char* varchar_problem(const PendoColumn* column, std::string_view text) {
  if (column->type != VARCHAROID || column->typmod < 0) return nullptr;
  int limit = column->typmod - VARHDRSZ;
  const char* server = to_server(text);
  return pg_mbstrlen(server) > limit ? psprintf("it is longer than %d characters", limit) : nullptr;
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
      *result = numeric_datum(value.text, column->typmod);
      return nullptr;
    case pendo::ValueKind::kTime:
      *result = time_datum(value.integer, column->typmod);
      return nullptr;
    case pendo::ValueKind::kText:
      *result = text_datum(value.text);
      return varchar_problem(column, value.text);
    case pendo::ValueKind::kJson:
      *result = in_function(column->type == JSONOID ? json_in : jsonb_in, value.text);
      return nullptr;
    default:
      return "it has no kind";
  }
}

[[noreturn]] void report_bad(const PendoTable* table, const PendoColumn* column, const char* why, std::string_view raw,
                             std::string_view row_key) {
  constexpr int kShown = 100;
  char* shown = pendo_message_text(raw.data(), static_cast<size_t>(pg_encoding_mbcliplen(PG_UTF8, raw.data(), static_cast<int>(raw.size()), kShown)));
  ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                  errmsg("column \"%s\" of %s cannot hold Pendo's value %s%s of \"%s\"", column->name, table->name, shown,
                         raw.size() > kShown ? "..." : "", pendo_message_text(row_key.data(), row_key.size())),
                  errdetail("The column has type %s, but %s.", format_type_with_typemod(column->type, column->typmod), why),
                  errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE jsonb; shows every value as it is; "
                          "ALTER FOREIGN TABLE %s OPTIONS (ADD on_bad_value 'null'); makes such values NULL.",
                          table->name, quote_identifier(column->name), table->name)));
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
  return pendo::Value::of_time(time + kEpochShiftUs);
}

}  // namespace

Datum pendo_to_datum(const PendoTable* table, const PendoColumn* column, const pendo::Value& value,
                     std::string_view row_key, bool* isnull) {
  Datum datum = static_cast<Datum>(0);
  *isnull = value.kind == pendo::ValueKind::kNull;
  if (!*isnull) {
    bool bad = value.kind == pendo::ValueKind::kBad;
    const char* why = bad ? pnstrdup(value.text.data(), value.text.size()) : convert(column, value, &datum);
    if (why && table->options.on_bad_value == BadValue::kError) report_bad(table, column, why, value.raw, row_key);
    *isnull = why != nullptr;
  }
  check_domain(column, datum, *isnull);
  return datum;
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
