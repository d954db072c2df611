// Looking at ids.
#include "record_id.h"

#include <cstddef>

#include "json_text.h"

namespace pendo {
namespace {

constexpr std::string_view kAnonymousPrefix = "_PENDO_T_";
constexpr std::string_view kNoIdMark = "VISITOR-UNIQUE-ID";

// A longer one would not fit into a URL.
constexpr std::size_t kMaxPathIdBytes = 1000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

bool is_anonymous(std::string_view id) noexcept { return id.starts_with(kAnonymousPrefix) || id == kNoIdMark; }

bool fits_in_path(std::string_view id) noexcept {
  if (id.empty() || id.size() > kMaxPathIdBytes || id == "." || id == ".." || id.starts_with("b64_")) return false;
  for (char c : id) {
    bool odd = c == ' ' || c == 0x7f || c == '/' || c == '\\' || c == '"' || c == '%';
    if (odd || static_cast<signed char>(c) < 0) return false;
  }
  return true;
}

std::string_view key_problem(std::string_view id) noexcept {
  if (id.empty()) return "the id is empty";
  if (is_blank(id.front()) || is_blank(id.back())) return "the id begins or ends with a blank";
  if (is_anonymous(id)) return "the id is an anonymous visitor's";
  if (id.find('\0') != std::string_view::npos) return "the id holds the character \\u0000";
  if (!is_utf8(id)) return "the id is not valid UTF-8";
  return {};
}

}  // namespace pendo
