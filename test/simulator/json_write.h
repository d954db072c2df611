// Writes JSON as Go's encoding/json does.
#pragma once

#include <string>
#include <string_view>

#include "value.h"

namespace simulator {

struct JsonStyle {
  bool html_escape = true;        // < > & as \u003c \u003e \u0026
  bool float_integers = false;    // integers as 1.5e+09
};

void append_json(std::string& out, const Value& value, const JsonStyle& style = {});
void append_json_string(std::string& out, std::string_view text, bool html_escape = true);
std::string to_json(const Value& value, const JsonStyle& style = {});

// A number as Go writes a float64: shortest form that reads back, an exponent
// only below 1e-6 and from 1e21 on.
void append_number(std::string& out, double number);

}  // namespace simulator
