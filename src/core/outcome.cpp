// Counting what became of records.
#include "outcome.h"

#include "printable.h"

namespace pendo {
namespace {

constexpr std::size_t kShownBytes = 120;

void show(std::vector<std::string>& list, std::string text) {
  if (list.size() < Outcome::kShown) list.push_back(std::move(text));
}

}  // namespace

void Outcome::add_missing(std::string_view id) {
  ++missing;
  show(first_missing, printable(id, kShownBytes));
}

void Outcome::add_invalid(std::string_view id, std::string_view why) {
  ++invalid;
  std::string text = id.empty() ? std::string() : printable(id, kShownBytes) + ": ";
  show(first_invalid, text + printable(why, kShownBytes));
}

void Outcome::add_uncertain(std::int64_t count, std::string_view why) {
  uncertain += count;
  show(first_uncertain, printable(why, kShownBytes));
}

}  // namespace pendo
