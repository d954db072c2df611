// Conditions on events become ids of types to ask for.
#include "type_choice.h"

#include <deque>
#include <vector>

#include <gtest/gtest.h>

namespace pendo {
namespace {

constexpr FilterField kEvent{"event", ColumnType::kText, false, false, false};
constexpr FilterField kId{"trackTypeId", ColumnType::kText, false, false, true};
constexpr FilterField kVisitor{"visitorId", ColumnType::kText, false, false, true};

class TypeChoiceTest : public testing::Test {
 protected:
  Condition in(const FilterField& field, std::vector<std::string_view> texts, ConditionKind kind = ConditionKind::kAnyOf) {
    auto& values = values_.emplace_back();
    for (auto text : texts) values.push_back(text == "NULL" ? Value::null() : Value::of_text(text));
    Condition condition;
    condition.kind = kind;
    condition.field = field;
    condition.values = values.data();
    condition.value_count = static_cast<int>(values.size());
    return condition;
  }
  Condition equal(const FilterField& field, std::string_view text) { return in(field, {text}, ConditionKind::kCompare); }
  Condition node(ConditionKind kind, std::vector<Condition> parts) {
    auto& kept = parts_.emplace_back(std::move(parts));
    Condition condition;
    condition.kind = kind;
    condition.parts = kept.data();
    condition.part_count = static_cast<int>(kept.size());
    return condition;
  }
  Condition all_of(std::vector<Condition> parts) { return node(ConditionKind::kAnd, std::move(parts)); }
  Condition one_of(std::vector<Condition> parts) { return node(ConditionKind::kOr, std::move(parts)); }

  // "*": all have to be asked for.
  static std::string ids(const Condition& condition) {
    const TrackTypeNames names = {{"1", "one"}, {"2", "two"}, {"22", "two"}, {"3", "three"}};
    auto ids = ids_of(types_of(condition), names);
    if (!ids) return "*";
    std::string text;
    for (const auto& id : *ids) text += (text.empty() ? "" : ",") + id;
    return text;
  }

 private:
  std::deque<std::vector<Value>> values_;
  std::deque<std::vector<Condition>> parts_;
};

TEST_F(TypeChoiceTest, NamesAndIdsAreResolved) {
  EXPECT_EQ(ids(equal(kEvent, "one")), "1");
  EXPECT_EQ(ids(equal(kEvent, "two")), "2,22") << "a name may be that of types of several apps";
  EXPECT_EQ(ids(in(kEvent, {"one", "NULL", "three"})), "1,3");
  EXPECT_EQ(ids(equal(kId, "22")), "22");
  EXPECT_EQ(ids(equal(kVisitor, "one")), "*");
}

TEST_F(TypeChoiceTest, AnUnknownNameIsNoneAnUnknownIdMayBe) {
  EXPECT_EQ(ids(equal(kEvent, "four")), "");
  EXPECT_EQ(ids(in(kEvent, {"four", "one"})), "1");
  EXPECT_EQ(ids(equal(kEvent, "NULL")), "");
  EXPECT_EQ(ids(equal(kId, "4")), "*");
}

TEST_F(TypeChoiceTest, OnlyEqualityNarrows) {
  Condition differs = equal(kEvent, "one");
  differs.op = Comparison::kNotEqual;
  EXPECT_EQ(ids(differs), "*");
  EXPECT_EQ(ids(in(kEvent, {"one"}, ConditionKind::kNoneOf)), "*");
  EXPECT_EQ(ids(in(kEvent, {"one"}, ConditionKind::kStartsWith)), "*");
}

TEST_F(TypeChoiceTest, AndNarrowsOrWidens) {
  EXPECT_EQ(ids(all_of({in(kEvent, {"one", "two"}), in(kEvent, {"two", "three"})})), "2,22");
  EXPECT_EQ(ids(all_of({equal(kEvent, "one"), equal(kVisitor, "v")})), "1");
  EXPECT_EQ(ids(all_of({equal(kEvent, "one"), equal(kEvent, "two")})), "");
  EXPECT_EQ(ids(one_of({equal(kEvent, "one"), equal(kId, "3")})), "1,3");
  EXPECT_EQ(ids(one_of({equal(kEvent, "one"), equal(kVisitor, "v")})), "*");
  EXPECT_EQ(ids(all_of({equal(kEvent, "two"), equal(kId, "22")})), "22") << "the name is looked at here";
}

}  // namespace
}  // namespace pendo
