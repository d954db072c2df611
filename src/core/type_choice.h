// Which Track Types a condition asks for, by name or by id, so that Pendo can be
// asked for just these.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "condition.h"
#include "track_types.h"
#include "wall.h"

namespace pendo {

// The paths of the columns that tell it. A row has no name: it is looked up.
inline constexpr std::string_view kEventPath = "event";
inline constexpr std::string_view kTypeIdPath = "trackTypeId";

// Every row that meets the condition is of one of these types.
struct TypeChoice {
  bool all = true;
  std::set<std::string, std::less<>> names;
  std::set<std::string, std::less<>> ids;
};

// May throw std::bad_alloc.
TypeChoice types_of(const Condition& condition);

// The ids to ask for; none: no row can meet the condition. Nothing where all
// have to be asked for: an id that is not in the list may still have counts.
std::optional<std::vector<std::string>> ids_of(const TypeChoice& choice, const TrackTypeNames& names);

}  // namespace pendo
