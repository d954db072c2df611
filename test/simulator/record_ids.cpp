// before | anonymous | between | numbered | after
#include "record_ids.h"

#include <algorithm>
#include <charconv>

#include "hash.h"

namespace simulator {
namespace {

constexpr std::string_view kAnonymousPrefix = "_PENDO_T_";

// Pendo docs advise against \ and " in ids; real ids have them, from script scanners.
constexpr std::string_view kOddVisitors[] = {
    " padded ",   "..",        "\"quoted\"",    "<script>alert(\"x\")</script>", "0",
    "MiXeD",      "a/b c",     "a&b=c?d#e;f",   "b64_x",                         "back\\slash",
    "it's",       "new\nline", "null",          "o\"quote",                      "percent%41",
    "plus+@x.io", "tab\there", "tick`",         "true",
    "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80",
};

constexpr std::string_view kOddAccounts[] = {
    "..", "Acme \"East\" & Sons", "a/b c", "back\\slash", "b64_x", "percent%41", "plus+@x.io", "tick`",
    "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80",
};

char letter_of(Kind kind) { return kind == Kind::kVisitor ? 'v' : 'a'; }

std::size_t digits_of(Kind kind) { return kind == Kind::kVisitor ? 7 : 5; }

}  // namespace

std::span<const std::string_view> odd_ids(Kind kind) {
  if (kind == Kind::kVisitor) return kOddVisitors;
  return kOddAccounts;
}

RecordIds::RecordIds(Kind kind, std::int64_t count, bool clean, std::uint64_t seed)
    : kind_(kind), seed_(seed), numbered_(count) {
  if (kind == Kind::kVisitor) anonymous_ = (count + 99) / 100;
  std::string first = numbered_id(0);
  for (auto id : clean ? std::span<const std::string_view>() : odd_ids(kind)) {
    auto& part = id < kAnonymousPrefix ? before_ : id < first ? between_ : after_;
    part.emplace_back(id);
  }
  // Pendo: a visitor without an id shows under this one
  if (anonymous_ > 0) before_.emplace_back("VISITOR-UNIQUE-ID");
  for (auto* part : {&before_, &between_, &after_}) std::sort(part->begin(), part->end());
  between_start_ = static_cast<std::int64_t>(before_.size()) + anonymous_;
  numbered_start_ = between_start_ + static_cast<std::int64_t>(between_.size());
}

std::string RecordIds::numbered_id(std::int64_t number) const {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, number + 1).ptr;
  auto length = static_cast<std::size_t>(end - digits);
  std::string id(1, letter_of(kind_));
  if (length < digits_of(kind_)) id.append(digits_of(kind_) - length, '0');
  return id.append(digits, length);
}

std::optional<std::int64_t> RecordIds::number_of(std::string_view id) const {
  std::int64_t number = 0;
  if (id.size() != digits_of(kind_) + 1 || id[0] != letter_of(kind_)) return std::nullopt;
  auto read = std::from_chars(id.data() + 1, id.data() + id.size(), number);
  bool is_one = read.ec == std::errc() && read.ptr == id.data() + id.size() && number >= 1 && number <= numbered_;
  return is_one ? std::optional(number - 1) : std::nullopt;
}

// Looks random, sorts by number: the first characters count.
std::string RecordIds::anonymous_id(std::int64_t number) const {
  static constexpr char kLetters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(kAnonymousPrefix);
  std::int64_t high = number * 131;
  for (std::int64_t scale : {62 * 62 * 62 * 62LL, 62 * 62 * 62LL, 62 * 62LL, 62LL, 1LL}) id += kLetters[high / scale % 62];
  std::uint64_t random = mix(seed_ ^ 0xA404, static_cast<std::uint64_t>(number));
  for (int i = 0; i < 6; ++i, random /= 62) id += kLetters[random % 62];
  return id;
}

Place RecordIds::place(std::int64_t position) const {
  auto before = static_cast<std::int64_t>(before_.size());
  auto between = static_cast<std::int64_t>(between_.size());
  if (position < before) return {Origin::kOdd, position};
  if (position < between_start_) return {Origin::kAnonymous, position - before};
  if (position < numbered_start_) return {Origin::kOdd, position - between_start_ + before};
  if (position < numbered_start_ + numbered_) return {Origin::kNumbered, position - numbered_start_};
  return {Origin::kOdd, position - numbered_start_ - numbered_ + before + between};
}

std::string RecordIds::id_of(Place place) const {
  if (place.origin == Origin::kNumbered) return numbered_id(place.number);
  if (place.origin == Origin::kAnonymous) return anonymous_id(place.number);
  auto number = static_cast<std::size_t>(place.number);
  if (number < before_.size()) return before_[number];
  number -= before_.size();
  return number < between_.size() ? between_[number] : after_[number - between_.size()];
}

std::string RecordIds::id(std::int64_t position) const { return id_of(place(position)); }

std::int64_t RecordIds::lower_bound(std::string_view id) const {
  std::int64_t low = 0;
  std::int64_t high = size();
  while (low < high) {
    std::int64_t middle = low + (high - low) / 2;
    if (this->id(middle) < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::optional<Place> RecordIds::find(std::string_view id) const {
  if (auto number = number_of(id)) return Place{Origin::kNumbered, *number};
  std::int64_t position = lower_bound(id);
  if (position == size() || this->id(position) != id) return std::nullopt;
  return place(position);
}

}  // namespace simulator
