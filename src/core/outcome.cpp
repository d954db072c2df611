// Counting what became of records.
#include "outcome.h"

#include "printable.h"

namespace pendo {
namespace {

constexpr std::size_t kShownBytes = 120;

void show(std::vector<std::string>& list, std::string text) {
  if (list.size() < Outcome::kShown) list.push_back(std::move(text));
}

void show_all(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& text : more) show(list, text);
}

std::string with_reason(std::string_view id, std::string_view why) {
  std::string text = id.empty() ? std::string() : printable(id, kShownBytes) + ": ";
  return text + printable(why, kShownBytes);
}

}  // namespace

void Outcome::add_applied(std::string_view id) {
  ++applied;
  if (first_applied.size() < kShown) show(first_applied, printable(id, kShownBytes));
}

void Outcome::add_missing(std::string_view id) {
  ++missing;
  show(first_missing, printable(id, kShownBytes));
}

void Outcome::add_invalid(std::string_view id, std::string_view why) {
  ++invalid;
  show(first_invalid, with_reason(id, why));
}

void Outcome::add_uncertain(std::string_view id, std::string_view why) {
  ++uncertain;
  show(first_uncertain, with_reason(id, why));
}

void Outcome::add_doubtful(std::string_view label, std::string_view why) {
  ++doubtful;
  show(first_doubtful, with_reason(label, why));
}

void Outcome::add(const Outcome& other) {
  records += other.records;
  applied += other.applied;
  missing += other.missing;
  invalid += other.invalid;
  uncertain += other.uncertain;
  duplicates += other.duplicates;
  doubtful += other.doubtful;
  repeated += other.repeated;
  calls += other.calls;
  retries += other.retries;
  show_all(first_applied, other.first_applied);
  show_all(first_missing, other.first_missing);
  show_all(first_invalid, other.first_invalid);
  show_all(first_uncertain, other.first_uncertain);
  show_all(first_doubtful, other.first_doubtful);
}

}  // namespace pendo
