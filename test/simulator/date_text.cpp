// Both directions go by Go's reference time, Mon Jan 2 15:04:05.000 -0700 2006.
#include "date_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "calendar.h"

namespace simulator {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// Pendo docs, "Accepted date formats". Z is what Go writes as Z07:00, Z or an
// offset; O an offset, N the name of a zone; F is an optional fraction.
constexpr std::string_view kFormats[] = {
    "a b d Y",         "a b d Y H:M:S NO", "m/d/Y I:Mp",  "Y-m-dTH:M:SFZ",  "Y-m-dTH:M:SFO",
    "Y-m-dTH:M:SF",    "Y-m-d H:M:S O",    "Y-m-d H:M:S N", "Y-m-d H:M:S",  "Y-m-d",
};

class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  std::optional<std::int64_t> read(std::string_view format) {
    for (char part : format) {
      if (!read_part(part)) return std::nullopt;
    }
    if (!rest_.empty() || !in_range()) return std::nullopt;
    return from_civil(time_, zone_minutes_);
  }

 private:
  bool read_part(char part) {
    switch (part) {
      case 'Y': {
        int year = 0;
        bool read = digits(4, year);
        time_.year = year;
        return read;
      }
      case 'm':
        return digits(2, time_.month);
      case 'd':
        return digits(2, time_.day);
      case 'H':
      case 'I':
        return digits(2, time_.hour);
      case 'M':
        return digits(2, time_.minute);
      case 'S':
        return digits(2, time_.second);
      case 'F':
        return fraction();
      case 'a':
        return word(kDays).has_value();
      case 'b':
        return month_word();
      case 'p':
        return half_day();
      case 'Z':
        return skip('Z') || offset();
      case 'O':
        return offset();
      case 'N':
        return zone_name();
      default:
        return skip(part);
    }
  }

  bool skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool digits(std::size_t count, int& number) {
    if (rest_.size() < count) return false;
    auto end = rest_.data() + count;
    auto [stop, error] = std::from_chars(rest_.data(), end, number);
    if (error != std::errc() || stop != end || rest_[0] == '-') return false;
    rest_.remove_prefix(count);
    return true;
  }

  bool fraction() {
    if (!skip('.')) return true;
    int scale = 100;
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
      time_.millisecond += (rest_[count++] - '0') * scale;
      scale /= 10;
    }
    rest_.remove_prefix(count);
    return count > 0;
  }

  template <std::size_t N>
  std::optional<int> word(const std::array<std::string_view, N>& words) {
    for (std::size_t i = 0; i < N; ++i) {
      if (rest_.starts_with(words[i])) {
        rest_.remove_prefix(words[i].size());
        return static_cast<int>(i);
      }
    }
    return std::nullopt;
  }

  bool month_word() {
    auto month = word(kMonths);
    if (month) time_.month = *month + 1;
    return month.has_value();
  }

  bool half_day() {
    if (time_.hour < 1 || time_.hour > 12) return false;
    bool afternoon = rest_ == "pm" || rest_ == "PM";
    if (!afternoon && rest_ != "am" && rest_ != "AM") return false;
    time_.hour = time_.hour % 12 + (afternoon ? 12 : 0);
    rest_ = {};
    return true;
  }

  bool offset() {
    bool west = !rest_.empty() && rest_[0] == '-';
    if (!west && !rest_.starts_with('+')) return false;
    rest_.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    if (!digits(2, hours)) return false;
    skip(':');
    if (!digits(2, minutes)) return false;
    zone_minutes_ = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
  }

  // Go takes an unknown abbreviation for UTC.
  bool zone_name() {
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= 'A' && rest_[count] <= 'Z') ++count;
    rest_.remove_prefix(count);
    return count >= 3;
  }

  bool in_range() const {
    return time_.month >= 1 && time_.month <= 12 && time_.day >= 1 && time_.day <= 31 && time_.hour < 24 &&
           time_.minute < 60 && time_.second < 60;
  }

  std::string_view rest_;
  CivilTime time_;
  int zone_minutes_ = 0;
};

std::optional<std::int64_t> parse_epoch(std::string_view text, std::int64_t seconds_below) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return epoch_ms(number, seconds_below);
}

struct LayoutPart {
  std::string_view text;
  std::string (*write)(const CivilTime& time, std::int64_t ms, int zone);
};

std::string padded(std::int64_t number, int width) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*lld", width, static_cast<long long>(number));
  return text;
}

std::string offset_text(int zone, bool colon) {
  int size = zone < 0 ? -zone : zone;
  return (zone < 0 ? "-" : "+") + padded(size / 60, 2) + (colon ? ":" : "") + padded(size % 60, 2);
}

// Longer parts first: "January" before "Jan", "02" before "2".
constexpr LayoutPart kLayoutParts[] = {
    {"2006", [](const CivilTime& t, std::int64_t, int) { return padded(t.year, 4); }},
    {"Jan", [](const CivilTime& t, std::int64_t, int) { return std::string(kMonths[t.month - 1]); }},
    {"Mon", [](const CivilTime&, std::int64_t ms, int zone) { return std::string(kDays[weekday(ms, zone)]); }},
    {"Z07:00", [](const CivilTime&, std::int64_t, int zone) { return zone ? offset_text(zone, true) : "Z"; }},
    {"-07:00", [](const CivilTime&, std::int64_t, int zone) { return offset_text(zone, true); }},
    {"-0700", [](const CivilTime&, std::int64_t, int zone) { return offset_text(zone, false); }},
    {".000", [](const CivilTime& t, std::int64_t, int) { return "." + padded(t.millisecond, 3); }},
    {"01", [](const CivilTime& t, std::int64_t, int) { return padded(t.month, 2); }},
    {"02", [](const CivilTime& t, std::int64_t, int) { return padded(t.day, 2); }},
    {"03", [](const CivilTime& t, std::int64_t, int) { return padded((t.hour + 11) % 12 + 1, 2); }},
    {"04", [](const CivilTime& t, std::int64_t, int) { return padded(t.minute, 2); }},
    {"05", [](const CivilTime& t, std::int64_t, int) { return padded(t.second, 2); }},
    {"06", [](const CivilTime& t, std::int64_t, int) { return padded(t.year % 100, 2); }},
    {"15", [](const CivilTime& t, std::int64_t, int) { return padded(t.hour, 2); }},
    {"PM", [](const CivilTime& t, std::int64_t, int) { return std::string(t.hour < 12 ? "AM" : "PM"); }},
    {"pm", [](const CivilTime& t, std::int64_t, int) { return std::string(t.hour < 12 ? "am" : "pm"); }},
    {"1", [](const CivilTime& t, std::int64_t, int) { return padded(t.month, 1); }},
    {"2", [](const CivilTime& t, std::int64_t, int) { return padded(t.day, 1); }},
};

const LayoutPart* part_at(std::string_view layout) {
  for (const auto& part : kLayoutParts) {
    if (layout.starts_with(part.text)) return &part;
  }
  return nullptr;
}

}  // namespace

std::int64_t epoch_ms(std::int64_t number, std::int64_t seconds_below) {
  constexpr std::int64_t kMostSeconds = INT64_MAX / 1000;
  std::int64_t border = std::min(seconds_below, kMostSeconds);
  return number < border && number > -border ? number * 1000 : number;
}

std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t seconds_below) {
  if (auto epoch = parse_epoch(text, seconds_below)) return epoch;
  for (auto format : kFormats) {
    if (auto ms = DateReader(text).read(format)) return ms;
  }
  return std::nullopt;
}

std::string format_date(std::string_view layout, std::int64_t ms, int zone_minutes) {
  CivilTime time = to_civil(ms, zone_minutes);
  std::string out;
  while (!layout.empty()) {
    const LayoutPart* part = part_at(layout);
    if (part) {
      out += part->write(time, ms, zone_minutes);
    } else {
      out += layout[0];
    }
    layout.remove_prefix(part ? part->text.size() : 1);
  }
  return out;
}

}  // namespace simulator
