// Makes a share of the generated values as odd as those of real subscriptions.
#pragma once

#include "fields.h"

namespace simulator {

// The value as it is, or another one, or missing. Ids stay what they are.
Value make_odd(const RecordSeed& seed, const Field& field, std::size_t field_number, Value value);

// Whether the record lacks this group altogether.
bool lacks_group(const RecordSeed& seed, std::string_view group);

}  // namespace simulator
