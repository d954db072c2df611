#include "fuzz.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "utf8.h"

namespace pendo::fuzz {

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

std::int64_t Input::integer(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  std::memcpy(&value, text.data(), text.size() < sizeof value ? text.size() : sizeof value);
  return value;
}

void touch(std::string_view text) {
  unsigned sum = 0;
  for (unsigned char c : text) sum = sum * 31 + c;
  asm volatile("" : : "r"(sum));  // as if somebody wanted to know
}

bool is_valid_utf8(std::string_view text) { return simulator::valid_utf8(text) == text; }

}  // namespace pendo::fuzz
