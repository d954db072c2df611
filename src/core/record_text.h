// The text of a record made fit for RapidJSON 1.1.0, which refuses a whole record
// for a number or a character that it only has to pass on.
#pragma once

#include <string_view>

#include "wall.h"

namespace pendo {

// Both write over `text`, a copy of `record`, and move nothing.

// A 0 over each number, padded with blanks; up to one that is malformed, where the
// parser is to stop.
void hide_numbers(std::string_view record, char* text) noexcept;

// Of the first halves of surrogate pairs that stand alone second ones, which are
// passed on, for text_problem() to find.
void turn_lone_halves(std::string_view record, char* text) noexcept;

}  // namespace pendo
