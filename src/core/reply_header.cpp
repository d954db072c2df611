// Names of headers and encodings, in letters of any case.
#include "reply_header.h"

#include <strings.h>

#include "json_text.h"

namespace pendo {
namespace {

constexpr std::string_view kStatusBegin = "http/";
constexpr std::string_view kRetryAfter = "retry-after:";
constexpr std::string_view kContentEncoding = "content-encoding:";

bool has_prefix(std::string_view line, std::string_view prefix) {
  return line.size() >= prefix.size() && strncasecmp(line.data(), prefix.data(), prefix.size()) == 0;
}

bool is_name(std::string_view text, std::string_view name) { return text.size() == name.size() && has_prefix(text, name); }

ReplyHeader value_behind(std::string_view line, std::string_view name, HeaderKind kind) {
  return {kind, trimmed(line.substr(name.size()))};
}

}  // namespace

ReplyHeader read_header(std::string_view line) noexcept {
  if (has_prefix(line, kStatusBegin)) return {HeaderKind::kStatus, {}};
  if (has_prefix(line, kRetryAfter)) return value_behind(line, kRetryAfter, HeaderKind::kRetryAfter);
  if (has_prefix(line, kContentEncoding)) return value_behind(line, kContentEncoding, HeaderKind::kEncoding);
  return {};
}

Encoding encoding_of(std::string_view value) noexcept {
  if (is_name(value, "gzip") || is_name(value, "x-gzip")) return Encoding::kGzip;
  return value.empty() || is_name(value, "identity") ? Encoding::kPlain : Encoding::kUnknown;
}

}  // namespace pendo
