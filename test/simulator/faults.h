// Rules that make calls go wrong, each for some calls of some routes.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "value.h"

namespace simulator {

enum class FaultKind {
  kStatus,
  kStatusAfter,
  kStallBefore,
  kStallHeaders,
  kStallBody,
  kDrip,
  kResetBefore,
  kResetAfter,
  kResetBody,
  kTruncate,
  kGarbage,
  kPartial408,
  kWrongCounts,
  kShortBody,
  kWrongLength,
  kCorrupt,
  kGzipBomb,
  kCloseAfter,
  kStallUpload,
  kRepeatRow,
  kRepeatPage,
  kDropRows,
};

struct Fault {
  FaultKind kind = FaultKind::kStatus;
  std::string_view name;  // of the kind
  int status = 500;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t ms = 0;
  std::size_t after_bytes = 0;
  std::size_t bytes = 1;
  std::int64_t after_rows = 0;
  std::int64_t rows = -1;  // -1: all
  std::int64_t by = 0;
};

class FaultRules {
 public:
  // A JSON array of rules takes the place of those before.
  bool set(const Value& rules, std::string& error);
  Value describe() const;
  void clear();
  // The fault of this call, by the first rule that has one for it. Rules that ask
  // for what the body contains are for when there is one, the others for before.
  std::optional<Fault> take(std::string_view route, const std::string* body = nullptr);

 private:
  struct Rule {
    Value source;
    std::string route;
    bool prefix = false;
    std::string contains;
    std::int64_t skip = 0;
    std::int64_t times = -1;  // -1: for ever
    std::int64_t rate = 100;  // percent of the calls
    std::uint64_t seed = 0;
    std::uint64_t drawn = 0;
    Fault fault;
  };
  static bool parse(const Value& source, Rule& rule, std::string& error);
  static bool read_member(Rule& rule, const std::string& name, const Value& value);
  static bool read_number(Rule& rule, const std::string& name, const Value& value);
  static bool read_limit(Rule& rule, const std::string& name, std::int64_t number);
  static bool strikes(Rule& rule);

  mutable std::mutex mutex_;
  std::vector<Rule> rules_;
};

}  // namespace simulator
