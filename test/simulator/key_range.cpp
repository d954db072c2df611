// Conjuncts are those of a top-level &&, which takes null for false just as the
// filter itself does.
#include "key_range.h"

#include <algorithm>

#include "expression_functions.h"

namespace simulator {
namespace {

bool is_key(const Node& node, std::string_view key) {
  return node.kind == NodeKind::kPath && node.path.size() == 1 && node.path[0] == key;
}

bool is_text(const Node& node) { return node.kind == NodeKind::kLiteral && node.literal.is_string(); }

Operator mirrored(Operator op) {
  switch (op) {
    case Operator::kLess:
      return Operator::kGreater;
    case Operator::kLessEqual:
      return Operator::kGreaterEqual;
    case Operator::kGreater:
      return Operator::kLess;
    case Operator::kGreaterEqual:
      return Operator::kLessEqual;
    default:
      return op;
  }
}

void raise_lower(KeyRange& range, const std::string& bound, bool open) {
  if (bound < range.lower || (bound == range.lower && !open)) return;
  range.lower = bound;
  range.lower_open = open;
}

void lower_upper(KeyRange& range, const std::string& bound, bool open) {
  if (range.upper && (bound > *range.upper || (bound == *range.upper && !open))) return;
  range.upper = bound;
  range.upper_open = open;
}

void restrict_to(KeyRange& range, std::set<std::string> keys) {
  if (range.keys) std::erase_if(keys, [&](const std::string& key) { return !range.keys->contains(key); });
  range.keys = std::move(keys);
}

void narrow_by_comparison(KeyRange& range, Operator op, const std::string& bound) {
  switch (op) {
    case Operator::kLess:
      return lower_upper(range, bound, true);
    case Operator::kLessEqual:
      return lower_upper(range, bound, false);
    case Operator::kGreater:
      return raise_lower(range, bound, true);
    case Operator::kGreaterEqual:
      return raise_lower(range, bound, false);
    default:
      return;
  }
}

// contains(["a","b"], key)
bool collect_listed(const Node& node, std::string_view key, std::set<std::string>& keys) {
  static const Function* const kContains = find_function("contains");
  if (node.function != kContains || node.children[0]->kind != NodeKind::kList) return false;
  if (!is_key(*node.children[1], key)) return false;
  for (const auto& item : node.children[0]->children) {
    if (!is_text(*item)) return false;
    keys.insert(item->literal.string());
  }
  return true;
}

// The only keys for which the expression can hold: key == "a", contains(["a","b"], key),
// and these joined by ||. False if it says something else too.
bool collect_keys(const Node& node, std::string_view key, std::set<std::string>& keys) {
  if (node.kind == NodeKind::kOr) {
    return std::ranges::all_of(node.children, [&](const auto& child) { return collect_keys(*child, key, keys); });
  }
  if (node.kind == NodeKind::kCall) return collect_listed(node, key, keys);
  if (node.kind != NodeKind::kBinary || node.op != Operator::kEqual) return false;
  const Node& left = *node.children[0];
  const Node& right = *node.children[1];
  bool found = is_key(left, key) ? is_text(right) : is_key(right, key) && is_text(left);
  if (found) keys.insert(is_key(left, key) ? right.literal.string() : left.literal.string());
  return found;
}

}  // namespace

void narrow_by_filter(KeyRange& range, const Node& filter, std::string_view key) {
  if (filter.kind == NodeKind::kAnd) {
    for (const auto& child : filter.children) narrow_by_filter(range, *child, key);
  } else if (std::set<std::string> keys; collect_keys(filter, key, keys)) {
    restrict_to(range, std::move(keys));
  } else if (filter.kind == NodeKind::kBinary) {
    const Node& left = *filter.children[0];
    const Node& right = *filter.children[1];
    if (is_key(left, key) && is_text(right)) narrow_by_comparison(range, filter.op, right.literal.string());
    if (is_key(right, key) && is_text(left)) narrow_by_comparison(range, mirrored(filter.op), left.literal.string());
  }
}

}  // namespace simulator
