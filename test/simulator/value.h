// A JSON value with one state more than JSON has: missing, which is what a path
// that leads nowhere evaluates to. Objects keep their members sorted by name, as
// a Go map is written.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace simulator {

class Value;
struct Member;
using List = std::vector<Value>;
using Object = std::vector<Member>;

enum class Type { kMissing, kNull, kBoolean, kInteger, kFloat, kString, kList, kObject };

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t);
  Value(bool value);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value);
  Value(double value);
  Value(std::string value);
  Value(std::string_view value);
  Value(const char* value);
  Value(List value);
  Value(Object value);

  Type type() const { return static_cast<Type>(data_.index()); }
  bool is(Type type) const { return this->type() == type; }
  bool is_missing() const { return is(Type::kMissing); }
  bool is_null() const { return data_.index() <= static_cast<std::size_t>(Type::kNull); }
  bool is_number() const { return is(Type::kInteger) || is(Type::kFloat); }
  bool is_string() const { return is(Type::kString); }
  bool is_list() const { return is(Type::kList); }
  bool is_object() const { return is(Type::kObject); }
  bool is_true() const { return is(Type::kBoolean) && boolean(); }

  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  // Integers and floats alike: Pendo computes in floats.
  double number() const { return is(Type::kInteger) ? static_cast<double>(integer()) : std::get<double>(data_); }
  const std::string& string() const { return std::get<std::string>(data_); }
  std::string& string() { return std::get<std::string>(data_); }
  const List& list() const { return std::get<List>(data_); }
  List& list() { return std::get<List>(data_); }
  const Object& object() const { return std::get<Object>(data_); }
  Object& object() { return std::get<Object>(data_); }

  // The member of an object, nullptr if there is none or this is no object.
  const Value* find(std::string_view name) const;
  Value* find(std::string_view name);
  // Sets a member; whatever is no object becomes one.
  Value& set(std::string_view name, Value value);
  void erase(std::string_view name);

 private:
  std::variant<std::monostate, std::nullptr_t, bool, std::int64_t, double, std::string, List, Object> data_;
};

struct Member {
  std::string name;
  Value value;
};

// Not within the class: clang then needs all of Member, which holds a Value.
inline Value::Value(std::nullptr_t) : data_(nullptr) {}
inline Value::Value(bool value) : data_(value) {}
template <std::integral T>
  requires(!std::same_as<T, bool>)
Value::Value(T value) : data_(static_cast<std::int64_t>(value)) {}
inline Value::Value(double value) : data_(value) {}
inline Value::Value(std::string value) : data_(std::move(value)) {}
inline Value::Value(std::string_view value) : data_(std::string(value)) {}
inline Value::Value(const char* value) : data_(std::string(value)) {}
inline Value::Value(List value) : data_(std::move(value)) {}
inline Value::Value(Object value) : data_(std::move(value)) {}

// Same type and content; 1 and 1.0 are the same number, missing and null are not the same.
bool operator==(const Value& left, const Value& right);
bool operator==(const Member& left, const Member& right);

// "string", "number", "object": what Go calls a JSON value in its decoding errors.
std::string_view go_type_name(const Value& value);

// The member at a dotted path ("metadata.custom.plan"), nullptr if it leads nowhere.
const Value* find_path(const Value& value, std::string_view path);

std::vector<std::string> split_path(std::string_view path);

// Sets the member at a dotted path; objects on the way are made as needed.
void set_path(Value& row, std::string_view path, Value value);

}  // namespace simulator
