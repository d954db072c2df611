// The limits of Track Events that Pendo does not enforce.
#include "event_guard.h"

#include <algorithm>
#include <utility>

#include "json_reader.h"
#include "printable.h"

namespace pendo {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kOldestUs = 7 * 86'400 * kSecondUs;
constexpr std::int64_t kClockSkewUs = 5 * 60 * kSecondUs;
constexpr std::size_t kMostPropertyBytes = 512;
constexpr std::size_t kMostProperties = 20;
constexpr std::size_t kMostNameBytes = 32;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(std::string_view name) {
  bool plain = !name.empty() && name.size() <= kMostNameBytes && is_letter(name.front()) &&
               std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
  bool reserved = name.size() >= 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__";
  return plain && !reserved;
}

std::string_view name_of(const JsonValue& value) { return {value.GetString(), value.GetStringLength()}; }

}  // namespace

EventGuard::Result EventGuard::look_at(const TrackEvent& event, std::int64_t now_us) noexcept try {
  bool fine = is_timely(event, now_us) &&
              (event.properties.kind == ValueKind::kNull || has_fine_properties(event.properties.text));
  return fine ? Result::kFine : Result::kDoubtful;
} catch (const std::bad_alloc&) {
  return Result::kOutOfMemory;
}

bool EventGuard::doubt(std::string_view column, std::string why, std::string_view advice) {
  column_ = column;
  why_ = std::move(why);
  advice_ = advice;
  return false;
}

bool EventGuard::is_timely(const TrackEvent& event, std::int64_t now_us) {
  if (event.occurred_at.kind != ValueKind::kTime) return true;
  std::int64_t at = event.occurred_at.integer;
  if (at < now_us - kOldestUs) {
    return doubt("occurred_at", "it is more than 7 days ago, and Pendo may not process it", "Send events within 7 days.");
  }
  if (at > now_us + kClockSkewUs) {
    return doubt("occurred_at", "it is in the future", "Look at the clocks and time zones of the source.");
  }
  return true;
}

bool EventGuard::has_fine_properties(std::string_view json) {
  Document document;
  std::string reason;
  if (!parse_object(json, document, reason)) return true;  // the encoder refuses it
  if (document.MemberCount() > kMostProperties) {
    return doubt("properties", "it has " + std::to_string(document.MemberCount()) + " properties, more than 20",
                 "Send fewer properties.");
  }
  for (const auto& member : std::as_const(document).GetObject()) {
    std::string_view name = name_of(member.name);
    if (is_name(name)) continue;
    return doubt("properties", "Pendo does not show a property of the name \"" + printable(name, 60) + "\"",
                 "Names have up to 32 letters, digits and underscores, do not begin with a digit, and are not of the form __x__.");
  }
  JsonBuffer buffer;
  JsonWriter writer(buffer);
  document.Accept(writer);
  if (buffer.GetSize() <= kMostPropertyBytes) return true;
  return doubt("properties", "it has " + std::to_string(buffer.GetSize()) + " bytes as JSON, more than 512, and Pendo does not show it",
               "Send fewer or shorter properties.");
}

}  // namespace pendo
