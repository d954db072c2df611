// Dates as text: the formats that Pendo accepts for time fields, and Go's layouts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

// Epoch ms of a date in one of the formats of "Accepted date formats" (Pendo docs);
// numbers below `seconds_below` are epoch seconds.
std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t seconds_below);

// A number as epoch ms: as it is, or in seconds if it is nearer to 0 than `seconds_below`.
std::int64_t epoch_ms(std::int64_t number, std::int64_t seconds_below);

// A time in a Go layout such as "2006-01-02 15:04:05".
std::string format_date(std::string_view layout, std::int64_t ms, int zone_minutes);

}  // namespace simulator
