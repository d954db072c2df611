// Encodings of the ledger's texts.
#include "fdw/ledger_text.h"

#include "bridge/bridge.h"

extern "C" {
#include "catalog/namespace.h"
}

namespace {

constexpr int kIdLimit = 2500;
constexpr int kIdPrefix = 2000;
constexpr std::string_view kEscapedMark = "U&'";

// UTF-8 in the database's encoding; nullptr where that has no place for it.
char* to_database(std::string_view text) {
  auto length = static_cast<int>(text.size());
  char* copy = pnstrdup(text.data(), text.size());
  int encoding = GetDatabaseEncoding();
  if (encoding == PG_SQL_ASCII) return copy;
  if (!pg_verify_mbstr(PG_UTF8, copy, length, true)) return nullptr;
  if (encoding == PG_UTF8) return copy;
  Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
  if (!OidIsValid(conversion)) return nullptr;
  int room = length * MAX_CONVERSION_GROWTH + 1;
  auto* result = static_cast<unsigned char*>(palloc(static_cast<Size>(room)));
  int taken = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, reinterpret_cast<unsigned char*>(copy), length, result, room, true);
  return taken == length ? reinterpret_cast<char*>(result) : nullptr;
}

// The bytes of the character that begins there; 1 for a byte that begins none.
size_t character_size(std::string_view text) {
  auto size = static_cast<size_t>(pg_encoding_mblen(PG_UTF8, text.data()));
  if (size > text.size()) return 1;
  return pg_utf8_islegal(reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(size)) ? size : 1;
}

void append_code(StringInfo out, std::string_view character) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(character.data());
  if (character.size() == 1) {
    appendStringInfo(out, "\\DC%02X", bytes[0]);
    return;
  }
  uint32 code = utf8_to_unicode(const_cast<unsigned char*>(bytes));
  appendStringInfo(out, code > 0xFFFF ? "\\+%06X" : "\\%04X", code);
}

void append_character(StringInfo out, std::string_view character, bool escaped) {
  char* fitting = to_database(character);
  if (!fitting) {
    append_code(out, character);
  } else {
    if (escaped && (*fitting == '\\' || *fitting == '\'')) appendStringInfoChar(out, *fitting);
    appendStringInfoString(out, fitting);
  }
}

// Stops before it is longer than `limit`; tells whether it came to the end.
bool append_characters(StringInfo out, std::string_view id, bool escaped, int limit) {
  while (!id.empty()) {
    size_t size = character_size(id);
    int before = out->len;
    append_character(out, id.substr(0, size), escaped);
    if (out->len > limit) {
      out->len = before;
      out->data[before] = '\0';
      return false;
    }
    id.remove_prefix(size);
  }
  return true;
}

void append_digest(StringInfo out, std::string_view id) {
  bytea* digest = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(id.data(), static_cast<int>(id.size())))));
  char hex[65] = {};
  hex_encode(VARDATA_ANY(digest), 32, hex);
  appendStringInfo(out, "... (%zu bytes, sha256 %s)", id.size(), hex);
}

char* long_id(std::string_view id, bool escaped) {
  StringInfoData out;
  initStringInfo(&out);
  if (escaped) appendStringInfoString(&out, kEscapedMark.data());
  append_characters(&out, id, escaped, kIdPrefix);
  append_digest(&out, id);
  return out.data;
}

// nullptr: too long.
char* escaped_id(std::string_view id) {
  StringInfoData out;
  initStringInfo(&out);
  appendStringInfoString(&out, kEscapedMark.data());
  if (!append_characters(&out, id, true, kIdLimit - 1)) return nullptr;
  appendStringInfoChar(&out, '\'');
  return out.data;
}

char* id_text(std::string_view id) {
  char* plain = id.starts_with(kEscapedMark) ? nullptr : to_database(id);
  if (plain) return strlen(plain) <= kIdLimit ? plain : long_id(id, false);
  char* escaped = escaped_id(id);
  return escaped ? escaped : long_id(id, true);
}

bool is_about_the_value(int sqlstate) {
  return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION || ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

// Parsing takes no lock, no buffer and no other resource but memory, so an error
// of it leaves nothing that a subtransaction would have to undo. Others go on.
bool parse_jsonb(const char* text, Datum* result) {
  MemoryContext context = CurrentMemoryContext;
  volatile bool parsed = false;
  PG_TRY();
  {
    *result = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
    parsed = true;
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    ErrorData* error = CopyErrorData();
    if (!is_about_the_value(error->sqlerrcode)) PG_RE_THROW();
    FlushErrorState();
  }
  PG_END_TRY();
  return parsed;
}

Datum json_string(const char* text) {
  JsonbValue value;
  value.type = jbvString;
  value.val.string.val = const_cast<char*>(text);
  value.val.string.len = static_cast<int>(strlen(text));
  return JsonbPGetDatum(JsonbValueToJsonb(&value));
}

}  // namespace

Datum pendo_ledger_id(std::string_view id) { return CStringGetTextDatum(id_text(id)); }

Datum pendo_ledger_values(std::string_view json, bool* isnull) {
  constexpr size_t kLimit = 256 << 10;
  *isnull = json.empty() || json.size() > kLimit;
  if (*isnull) return Datum(0);
  Datum result;
  char* text = to_database(json);
  if (text && parse_jsonb(text, &result)) return result;
  return json_string(text ? text : pendo_message_text(json.data(), json.size()));
}

Datum pendo_ledger_message(std::string_view message, bool* isnull) {
  constexpr int kLimit = 8 << 10;
  *isnull = message.empty();
  if (*isnull) return Datum(0);
  char* fitting = to_database(message);
  if (!fitting) fitting = pendo_message_text(message.data(), message.size());
  int size = pg_mbcliplen(fitting, static_cast<int>(strlen(fitting)), kLimit);
  return PointerGetDatum(cstring_to_text_with_len(fitting, size));
}
