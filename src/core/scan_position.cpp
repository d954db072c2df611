// Comparing places, here and in Pendo's words.
#include "scan_position.h"

#include <charconv>
#include <cmath>

#include "json_text.h"

namespace pendo {
namespace {

double number_of(std::string_view json_number) {
  double number = 0;
  std::from_chars(json_number.data(), json_number.data() + json_number.size(), number);
  return number;
}

std::string compared(std::string_view name, std::string_view op, std::string_view with) {
  return std::string(name).append(op).append(with);
}

}  // namespace

ScanPosition::ScanPosition(std::string_view key_field, const SortOrder& order)
    : key_field_(key_field), path_(order.path), order_(order) {
  order_.path = path_;
}

void ScanPosition::move_to(const RowPlace& place) {
  key_ = place.key;
  rank_ = place.rank;
  value_ = place.value;
}

// As a number: Pendo may write 0 as 0.0 or 0e+00.
bool ScanPosition::is_at_number() const { return number_of(rank_) == number_of(kRankOfNumbers); }

bool ScanPosition::is_before(const RowPlace& place) const {
  if (sorted_by_key()) return order_.descending ? place.key < key_ : place.key > key_;
  double step = number_of(place.rank) - number_of(rank_);
  if (step != 0) return order_.nulls_first ? step < 0 : step > 0;
  double now = number_of(place.value);
  double before = number_of(value_);
  // integers that doubles take for equal may have an order of their own
  if (now == before) return place.key > key_ || std::fabs(now) >= static_cast<double>(kMaxExactInteger);
  return order_.descending ? now < before : now > before;
}

std::string ScanPosition::behind(const RowPlace& place) const {
  if (place.key.empty()) return {};
  if (sorted_by_key()) return text_comparison(key_field_, order_.descending ? "<" : ">", place.key);
  std::string later_key = compared(kSortValue, " == ", place.value) + " && " + text_comparison(key_field_, ">", place.key);
  std::string later_value = compared(kSortValue, order_.descending ? " < " : " > ", place.value) + " || (" + later_key + ")";
  return compared(kSortRank, order_.nulls_first ? " < " : " > ", place.rank) + " || (" + compared(kSortRank, " == ", place.rank) +
         " && (" + later_value + "))";
}

}  // namespace pendo
