// Reading rules, and counting the calls that match them.
#include "faults.h"

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
};

std::string text_of(const Value& source, std::string_view name) {
  const Value* value = source.find(name);
  return value && value->is_string() ? value->string() : std::string();
}

std::int64_t number_of(const Value& source, std::string_view name, std::int64_t otherwise) {
  const Value* value = source.find(name);
  return value && value->is(Type::kInteger) && value->integer() >= 0 ? value->integer() : otherwise;
}

bool parse_kind(const std::string& name, FaultKind& kind) {
  for (const auto& entry : kKinds) {
    if (entry.name == name) {
      kind = entry.kind;
      return true;
    }
  }
  return false;
}

}  // namespace

bool FaultRules::parse(const Value& source, Rule& rule, std::string& error) {
  rule.source = source;
  rule.route = text_of(source, "route");
  if (rule.route.empty()) {
    error = "a rule needs a route";
    return false;
  }
  if (!parse_kind(text_of(source, "kind"), rule.fault.kind)) {
    error = "unknown kind \"" + text_of(source, "kind") + "\"";
    return false;
  }
  rule.prefix = rule.route.back() == '*';
  if (rule.prefix) rule.route.pop_back();
  rule.skip = number_of(source, "skip", 0);
  rule.times = number_of(source, "times", -1);
  rule.fault.status = static_cast<int>(number_of(source, "status", rule.fault.kind == FaultKind::kGarbage ? 200 : 500));
  rule.fault.body = text_of(source, "body");
  rule.fault.ms = number_of(source, "ms", 0);
  rule.fault.after_bytes = static_cast<std::size_t>(number_of(source, "after_bytes", 0));
  rule.fault.bytes = static_cast<std::size_t>(number_of(source, "bytes", 1));
  const Value* headers = source.find("headers");
  for (const auto& header : headers && headers->is_object() ? headers->object() : Object{}) {
    if (header.value.is_string()) rule.fault.headers.emplace_back(header.name, header.value.string());
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

std::optional<Fault> FaultRules::take(std::string_view route) {
  std::lock_guard lock(mutex_);
  for (auto& rule : rules_) {
    bool matches = rule.prefix ? route.starts_with(rule.route) : route == rule.route;
    if (!matches || rule.times == 0) continue;
    if (rule.skip > 0) {
      --rule.skip;
      continue;
    }
    if (rule.times > 0) --rule.times;
    return rule.fault;
  }
  return std::nullopt;
}

}  // namespace simulator
