// The ids of the generated records, in bytewise order, by position: odd ids,
// anonymous visitors, and the numbered ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simulator {

enum class Kind { kVisitor, kAccount };
constexpr std::size_t kKindCount = 2;

enum class Origin { kNumbered, kAnonymous, kOdd, kWritten };

// A position of the generated sequence. `number` counts from 0 within the origin.
struct Place {
  Origin origin = Origin::kWritten;
  std::int64_t number = 0;
};

constexpr std::int64_t kMostVisitors = 9'999'999;  // seven digits sort as numbers do
constexpr std::int64_t kMostAccounts = 99'999;

class RecordIds {
 public:
  RecordIds(Kind kind, std::int64_t count, bool clean, std::uint64_t seed);

  std::int64_t size() const { return numbered_start_ + numbered_ + static_cast<std::int64_t>(after_.size()); }
  Place place(std::int64_t position) const;
  std::string id(std::int64_t position) const;
  std::string id_of(Place place) const;
  // The first position whose id is not below `id`.
  std::int64_t lower_bound(std::string_view id) const;
  std::optional<Place> find(std::string_view id) const;
  std::int64_t numbered() const { return numbered_; }
  std::string numbered_id(std::int64_t number) const;

 private:
  std::string anonymous_id(std::int64_t number) const;
  std::optional<std::int64_t> number_of(std::string_view id) const;  // of a numbered id

  Kind kind_;
  std::uint64_t seed_;
  std::int64_t numbered_;
  std::int64_t anonymous_ = 0;
  // odd ids below, between and above the two ranges
  std::vector<std::string> before_;
  std::vector<std::string> between_;
  std::vector<std::string> after_;
  std::int64_t between_start_ = 0;
  std::int64_t numbered_start_ = 0;
};

// Ids that need escaping somewhere; documented in the README.
std::span<const std::string_view> odd_ids(Kind kind);

}  // namespace simulator
