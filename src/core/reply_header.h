// The lines of an answer's head, as far as a call goes by them.
#pragma once

#include <string_view>

#include "wall.h"

namespace pendo {

enum class HeaderKind {
  kOther,
  kStatus,      // the first line of an answer; more than one may come
  kRetryAfter,  // its value is for retry_after_ms()
  kEncoding,    // of the body
};

struct ReplyHeader {
  HeaderKind kind = HeaderKind::kOther;
  std::string_view value;  // without blanks at its ends
};

// One line, with or without its end.
ReplyHeader read_header(std::string_view line) noexcept;

enum class Encoding { kPlain, kGzip, kUnknown };
Encoding encoding_of(std::string_view value) noexcept;

}  // namespace pendo
