// Members of objects, equality, names of types.
#include "value.h"

#include <algorithm>

namespace simulator {
namespace {

auto place(const Object& object, std::string_view name) {
  return std::lower_bound(object.begin(), object.end(), name,
                          [](const Member& member, std::string_view key) { return member.name < key; });
}

}  // namespace

const Value* Value::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  auto it = place(object(), name);
  return it != object().end() && it->name == name ? &it->value : nullptr;
}

Value* Value::find(std::string_view name) { return const_cast<Value*>(std::as_const(*this).find(name)); }

Value& Value::set(std::string_view name, Value value) {
  if (!is_object()) data_ = Object{};
  Object& members = object();
  auto it = members.begin() + (place(members, name) - members.cbegin());
  if (it == members.end() || it->name != name) it = members.insert(it, Member{std::string(name), Value()});
  it->value = std::move(value);
  return it->value;
}

void Value::erase(std::string_view name) {
  if (!is_object()) return;
  auto it = place(object(), name);
  if (it != object().end() && it->name == name) object().erase(it);
}

bool operator==(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    if (left.is(Type::kInteger) && right.is(Type::kInteger)) return left.integer() == right.integer();
    return left.number() == right.number();
  }
  if (left.type() != right.type()) return false;
  switch (left.type()) {
    case Type::kBoolean:
      return left.boolean() == right.boolean();
    case Type::kString:
      return left.string() == right.string();
    case Type::kList:
      return left.list() == right.list();
    case Type::kObject:
      return left.object() == right.object();
    default:
      return true;
  }
}

bool operator==(const Member& left, const Member& right) {
  return left.name == right.name && left.value == right.value;
}

std::string_view go_type_name(const Value& value) {
  switch (value.type()) {
    case Type::kBoolean:
      return "bool";
    case Type::kInteger:
    case Type::kFloat:
      return "number";
    case Type::kString:
      return "string";
    case Type::kList:
      return "array";
    case Type::kObject:
      return "object";
    default:
      return "null";
  }
}

const Value* find_path(const Value& value, std::string_view path) {
  const Value* at = &value;
  while (at) {
    auto dot = path.find('.');
    at = at->find(path.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  for (;;) {
    auto dot = path.find('.');
    parts.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

void set_path(Value& row, std::string_view path, Value value) {
  Value* at = &row;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    Value* inner = at->find(path.substr(0, dot));
    at = inner && inner->is_object() ? inner : &at->set(path.substr(0, dot), Object{});
    path.remove_prefix(dot + 1);
  }
  at->set(path, std::move(value));
}

}  // namespace simulator
