// When a value need not be sent again.
#include "same_json.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

TEST(SameJson, NumbersAreFloats) {
  EXPECT_TRUE(is_same_json("1", "1.0"));
  EXPECT_TRUE(is_same_json("1.50", "1.5"));
  EXPECT_TRUE(is_same_json("0.12345678901234567890", "0.12345678901234568"));
  EXPECT_TRUE(is_same_json("1e3", "1000"));
  EXPECT_TRUE(is_same_json("-0.0", "0"));
  EXPECT_FALSE(is_same_json("1", "2"));
  EXPECT_FALSE(is_same_json("1", "\"1\""));
  EXPECT_FALSE(is_same_json("0.1", "0.10000000000000002"));
}

TEST(SameJson, MembersHaveNoOrderAndElementsHave) {
  EXPECT_TRUE(is_same_json(R"({"a":1,"b":[2.0,{"c":"x"}]})", R"({"b":[2,{"c":"x"}],"a":1.0})"));
  EXPECT_FALSE(is_same_json("[1,2]", "[2,1]"));
  EXPECT_FALSE(is_same_json("[1]", "[1,1]"));
  EXPECT_FALSE(is_same_json(R"({"a":null})", "{}"));
}

TEST(SameJson, OfMembersOfOneNameTheLastOneCounts) {
  EXPECT_TRUE(is_same_json(R"({"a":1,"b":0,"a":2})", R"({"b":0,"a":2})"));
  EXPECT_FALSE(is_same_json(R"({"a":2,"a":1})", R"({"a":2})"));
  EXPECT_TRUE(is_same_json(R"([{"a":{"x":1},"a":{}}])", R"([{"a":{}}])"));
}

TEST(SameJson, BlanksAroundAreNothing) {
  EXPECT_TRUE(is_same_json(" {\"a\" : 1} \n", "{\"a\":1}"));
  EXPECT_TRUE(is_same_json("1 ", "1.0"));
}

TEST(SameJson, TextIsComparedAsItIs) {
  EXPECT_TRUE(is_same_json("\"a\"", "\"a\""));
  EXPECT_FALSE(is_same_json("\"a\"", "\"A\""));
  EXPECT_TRUE(is_same_json(R"(["\u00e9"])", "[\"\u00e9\"]"));
  EXPECT_FALSE(is_same_json("null", "\"\""));
  EXPECT_FALSE(is_same_json("[", "[ "));
}

TEST(SameJson, DeepNestingIsNoTrouble) {
  std::string deep(100000, '[');
  EXPECT_FALSE(is_same_json(deep, deep + "1"));
}

}  // namespace
}  // namespace pendo
