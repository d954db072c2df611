// Reading rules, and counting the calls that match them.
#include "faults.h"

#include <charconv>

#include "hash.h"
#include "json_write.h"

namespace simulator {
namespace {

struct KindName {
  std::string_view name;
  FaultKind kind;
};

constexpr KindName kKinds[] = {
    {"status", FaultKind::kStatus},
    {"status_after", FaultKind::kStatusAfter},
    {"stall_before", FaultKind::kStallBefore},
    {"stall_headers", FaultKind::kStallHeaders},
    {"stall_body", FaultKind::kStallBody},
    {"drip", FaultKind::kDrip},
    {"reset_before", FaultKind::kResetBefore},
    {"reset_after", FaultKind::kResetAfter},
    {"reset_body", FaultKind::kResetBody},
    {"truncate", FaultKind::kTruncate},
    {"garbage", FaultKind::kGarbage},
    {"partial_408", FaultKind::kPartial408},
    {"wrong_counts", FaultKind::kWrongCounts},
    {"short_body", FaultKind::kShortBody},
    {"wrong_length", FaultKind::kWrongLength},
    {"corrupt", FaultKind::kCorrupt},
    {"gzip_bomb", FaultKind::kGzipBomb},
    {"close_after", FaultKind::kCloseAfter},
    {"stall_upload", FaultKind::kStallUpload},
    {"repeat_row", FaultKind::kRepeatRow},
    {"repeat_page", FaultKind::kRepeatPage},
    {"drop_rows", FaultKind::kDropRows},
};

std::string text_of(const Value& source, std::string_view name) {
  const Value* value = source.find(name);
  return value && value->is_string() ? value->string() : std::string();
}

// Test programs in languages without types send numbers as text now and then.
std::optional<std::int64_t> whole_number(const Value& value) {
  if (value.is(Type::kInteger)) return value.integer();
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.string();
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool read_headers(const Value& headers, Fault& fault) {
  if (!headers.is_object()) return false;
  for (const auto& header : headers.object()) {
    if (!header.value.is_string()) return false;
    fault.headers.emplace_back(header.name, header.value.string());
  }
  return true;
}

bool parse_kind(const std::string& name, Fault& fault) {
  for (const auto& entry : kKinds) {
    if (entry.name == name) {
      fault.kind = entry.kind;
      fault.name = entry.name;
      return true;
    }
  }
  return false;
}

}  // namespace

// Which calls a rule is for.
bool FaultRules::read_limit(Rule& rule, const std::string& name, std::int64_t number) {
  if (name == "skip") return rule.skip = number, true;
  if (name == "times") return rule.times = number, true;
  if (name == "rate") return rule.rate = number, number <= 100;
  if (name == "seed") return rule.seed = static_cast<std::uint64_t>(number), true;
  return false;
}

// False if the rule has no such member or it is of another type.
bool FaultRules::read_number(Rule& rule, const std::string& name, const Value& value) {
  auto number = whole_number(value);
  if (number && name == "by") return rule.fault.by = *number, true;
  if (!number || *number < 0) return false;
  if (read_limit(rule, name, *number)) return true;
  if (name == "status") {
    rule.fault.status = static_cast<int>(*number);
    return *number >= 100 && *number <= 999;
  } else if (name == "ms") {
    rule.fault.ms = *number;
  } else if (name == "after_bytes") {
    rule.fault.after_bytes = static_cast<std::size_t>(*number);
  } else if (name == "bytes") {
    rule.fault.bytes = static_cast<std::size_t>(*number);
  } else if (name == "after_rows") {
    rule.fault.after_rows = *number;
  } else if (name == "rows") {
    rule.fault.rows = *number;
  } else {
    return false;
  }
  return true;
}

bool FaultRules::read_member(Rule& rule, const std::string& name, const Value& value) {
  if (name == "route" || name == "kind") return value.is_string();
  if (name == "headers") return read_headers(value, rule.fault);
  if (name == "contains") {
    rule.contains = text_of(rule.source, name);
    return !rule.contains.empty();
  }
  if (name == "body") {
    rule.fault.body = value.is_string() ? value.string() : to_json(value);
    return true;
  }
  return read_number(rule, name, value);
}

// What is misspelt would be a fault that does not happen: it is refused.
bool FaultRules::parse(const Value& source, Rule& rule, std::string& error) {
  rule.source = source;
  rule.route = text_of(source, "route");
  if (rule.route.empty()) {
    error = "a rule needs a route";
    return false;
  }
  if (!parse_kind(text_of(source, "kind"), rule.fault)) {
    error = "unknown kind \"" + text_of(source, "kind") + "\"";
    return false;
  }
  rule.prefix = rule.route.back() == '*';
  if (rule.prefix) rule.route.pop_back();
  if (rule.fault.kind == FaultKind::kGarbage || rule.fault.kind == FaultKind::kGzipBomb) rule.fault.status = 200;
  for (const auto& [name, value] : source.object()) {
    if (read_member(rule, name, value)) continue;
    error = "a rule cannot have " + name + " " + to_json(value);
    return false;
  }
  return true;
}

bool FaultRules::set(const Value& rules, std::string& error) {
  if (!rules.is_list()) {
    error = "an array of rules is needed";
    return false;
  }
  std::vector<Rule> parsed;
  for (const auto& source : rules.list()) {
    if (!parse(source, parsed.emplace_back(), error)) return false;
  }
  std::lock_guard lock(mutex_);
  rules_ = std::move(parsed);
  return true;
}

Value FaultRules::describe() const {
  std::lock_guard lock(mutex_);
  List all;
  for (const auto& rule : rules_) {
    Value one = rule.source;
    one.set("skip", rule.skip);
    if (rule.times >= 0) one.set("times", rule.times);
    all.push_back(std::move(one));
  }
  return all;
}

void FaultRules::clear() {
  std::lock_guard lock(mutex_);
  rules_.clear();
}

// The n-th call of a rule goes wrong, or not, whatever else happens.
bool FaultRules::strikes(Rule& rule) { return rule.rate == 100 || mix(rule.seed, rule.drawn++) % 100 < static_cast<std::uint64_t>(rule.rate); }

std::optional<Fault> FaultRules::take(std::string_view route, const std::string* body) {
  std::lock_guard lock(mutex_);
  for (auto& rule : rules_) {
    bool matches = rule.prefix ? route.starts_with(rule.route) : route == rule.route;
    bool asks_for_body = !rule.contains.empty();
    if (!matches || rule.times == 0 || asks_for_body != (body != nullptr)) continue;
    if (body && body->find(rule.contains) == std::string::npos) continue;
    if (rule.skip > 0) {
      --rule.skip;
      continue;
    }
    if (!strikes(rule)) continue;
    if (rule.times > 0) --rule.times;
    return rule.fault;
  }
  return std::nullopt;
}

}  // namespace simulator
