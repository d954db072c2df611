// UTF-8: one code point at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace simulator {

// Length in bytes of the well-formed code point at the start of the text, 0 if
// there is none.
std::size_t utf8_length(std::string_view text);

void append_utf8(std::string& out, std::uint32_t code_point);

// Every letter in lower case, one code point for one, as Go does it.
std::string lower_utf8(std::string_view text);

// The same text with every byte that is not part of well-formed UTF-8 replaced.
std::string valid_utf8(std::string_view text);

}  // namespace simulator
