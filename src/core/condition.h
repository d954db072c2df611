// WHERE conditions as filters of Pendo's expression language. What is made lets
// through every row that meets the condition, and as few others as Pendo's
// documents allow to say. How Pendo compares values of different types, tells
// missing from null or folds case is not documented, so nothing here relies on it.
#pragma once

#include <string>
#include <string_view>

#include "filter_literal.h"
#include "value.h"
#include "wall.h"

namespace pendo {

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

enum class ConditionKind {
  kAnd,          // of .parts
  kOr,           //
  kCompare,      // field op value
  kDistinct,     // field IS DISTINCT FROM value
  kNotDistinct,  // field IS NOT DISTINCT FROM value
  kAnyOf,        // field = ANY(values)
  kNoneOf,       // field <> ALL(values)
  kNull,         // field IS NULL
  kNotNull,      // field IS NOT NULL
  kNotTrue,      // field IS NOT TRUE
  kNotFalse,     // field IS NOT FALSE
  kStartsWith,   // text field that begins with value
  kContains,     // text field that has value in it
  kAnything,     // not for Pendo: every row
};

// A column as a filter sees it.
struct FilterField {
  std::string_view path;  // relative to the row; is_plain_path()
  ColumnType type = ColumnType::kText;
  bool strict = false;       // Pendo holds values of this type only, or none
  bool bad_is_null = false;  // what does not convert reads as NULL
  bool in_rows = true;       // false: Pendo's rows do not have it, or it is asked for by other means
};

// Non-owning and trivially destructible, as the PostgreSQL side makes it.
struct Condition {
  ConditionKind kind = ConditionKind::kAnything;
  const Condition* parts = nullptr;
  int part_count = 0;
  FilterField field;
  Comparison op = Comparison::kEqual;
  const Value* values = nullptr;  // NULLs may be among them
  int value_count = 0;
};

struct Filter {
  enum class Kind {
    kAll,   // no filter is needed
    kNone,  // no row can meet the condition
    kSome,  // .text
  };
  Kind kind = Kind::kAll;
  std::string text;
};

// Does the filter let through exactly the rows that meet the condition?
bool is_exact(const Condition& condition) noexcept;

// May throw std::bad_alloc.
Filter filter_of(const Condition& condition);

}  // namespace pendo
