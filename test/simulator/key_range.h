// What a filter says about the key of a record: the simulator's index.
#pragma once

#include <string_view>

#include "expression.h"
#include "store.h"

namespace simulator {

// Narrows the range by the conjuncts that compare the key with a string. The
// filter must still be evaluated: what it says beyond that stays unsaid.
void narrow_by_filter(KeyRange& range, const Node& filter, std::string_view key);

}  // namespace simulator
