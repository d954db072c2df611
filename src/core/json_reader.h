// RapidJSON as this library uses it: memory that runs out is std::bad_alloc,
// not a null pointer written to, and no assertion ends the server process.
// Only .cpp files include this header.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

#define RAPIDJSON_ASSERT(x) static_cast<void>(0)
#include <rapidjson/document.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "json_text.h"
#include "wall.h"

namespace pendo {

class ThrowingAllocator {
 public:
  static const bool kNeedFree = true;

  void* Malloc(std::size_t size) { return size == 0 ? nullptr : checked(std::malloc(size)); }

  void* Realloc(void* old, std::size_t, std::size_t size) {
    if (size != 0) return checked(std::realloc(old, size));
    std::free(old);
    return nullptr;
  }

  static void Free(void* memory) { std::free(memory); }

 private:
  static void* checked(void* memory) {
    if (!memory) throw std::bad_alloc();
    return memory;
  }
};

using Document =
    rapidjson::GenericDocument<rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<ThrowingAllocator>, ThrowingAllocator>;
using JsonValue = Document::ValueType;
using JsonBuffer = rapidjson::GenericStringBuffer<rapidjson::UTF8<>, ThrowingAllocator>;
using JsonWriter = rapidjson::Writer<JsonBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator>;

// Without full precision: nothing here needs a fraction's last digit, and in
// RapidJSON 1.1.0 that code counts the leading zeros of 0, which is undefined.
inline constexpr unsigned kDocumentFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;

// What is wrong with a text, as the end of a sentence.
inline const char* problem_of(rapidjson::ParseErrorCode code, const char* otherwise) {
  switch (code) {
    case rapidjson::kParseErrorStringInvalidEncoding:
      return "is not valid UTF-8";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "holds half a surrogate pair";
    case rapidjson::kParseErrorNumberTooBig:
      return "holds a number beyond every double precision";
    default:
      return otherwise;
  }
}

// A whole body whose top level is an object. False: `reason` tells why. May
// throw std::bad_alloc.
inline bool parse_object(std::string_view body, Document& document, std::string& reason) {
  if (!nested_within(body, kMaxNesting)) {
    reason = "it is nested too deep";
    return false;
  }
  // RapidJSON takes \0 for the end of the text
  bool whole = !body.empty() && !std::memchr(body.data(), 0, body.size());
  if (!whole || document.Parse<kDocumentFlags>(body.data(), body.size()).HasParseError()) {
    reason = std::string("it ") + problem_of(document.GetParseError(), "is not JSON");
    return false;
  }
  if (document.IsObject()) return true;
  reason = "it is not a JSON object";
  return false;
}

inline std::string_view string_of(const JsonValue& value) {
  return value.IsString() ? std::string_view(value.GetString(), value.GetStringLength()) : std::string_view();
}

// nullptr when there is no such key. The last one counts where it comes twice.
inline const JsonValue* member_of(const JsonValue& object, std::string_view key) {
  const JsonValue* found = nullptr;
  for (const auto& member : object.GetObject()) {
    if (string_of(member.name) == key) found = &member.value;
  }
  return found;
}

}  // namespace pendo
