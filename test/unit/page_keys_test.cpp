#include "page_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace pendo {
namespace {

// Which keys of a page came before.
std::string page(PageKeys& keys, std::initializer_list<const char*> of) {
  std::string again;
  for (auto key : of) {
    if (!keys.add(key)) again += key;
  }
  keys.end_page();
  return again;
}

TEST(PageKeys, PagesOfDifferentRowsAreGood) {
  PageKeys keys;
  EXPECT_EQ(page(keys, {"a", "b", "c"}), "");
  EXPECT_EQ(page(keys, {"e", "d"}), "");
  EXPECT_EQ(page(keys, {}), "");
}

TEST(PageKeys, ARowTwiceIsNoticedAtOnce) {
  PageKeys keys;
  EXPECT_EQ(page(keys, {"a", "b", "a", "c"}), "a");
  keys.clear();
  EXPECT_EQ(page(keys, {"a", "a"}), "a");
}

TEST(PageKeys, ARowOfThePageBeforeIsNoticed) {
  PageKeys keys;
  EXPECT_EQ(page(keys, {"a", "b", "c"}), "");
  EXPECT_EQ(page(keys, {"d", "b", "e"}), "b");
}

TEST(PageKeys, PagesInAnyOrderAreCompared) {
  PageKeys keys;
  EXPECT_EQ(page(keys, {"c", "a", "b"}), "");
  EXPECT_EQ(page(keys, {"c", "d"}), "c");
  keys.clear();
  EXPECT_EQ(page(keys, {"a", "b", "z"}), "");
  EXPECT_EQ(page(keys, {"c", "d"}), "");
  EXPECT_EQ(page(keys, {"x", "y"}), "");
  EXPECT_EQ(page(keys, {"z", "x"}), "x");
  keys.clear();
  EXPECT_EQ(page(keys, {"b", "a"}), "");
  EXPECT_EQ(page(keys, {"c", "d"}), "");
  EXPECT_EQ(page(keys, {"e", "f"}), "");
  EXPECT_EQ(page(keys, {"g", "e"}), "e");
}

TEST(PageKeys, ManyInAnOrderOfTheirOwn) {
  PageKeys keys;
  for (int n = 50'000; n > 0; --n) EXPECT_TRUE(keys.add(std::to_string(n)));
  EXPECT_FALSE(keys.add("50000"));
  EXPECT_FALSE(keys.add("1"));
  keys.end_page();
  for (int n = 100'000; n > 50'000; --n) EXPECT_TRUE(keys.add(std::to_string(n)));
  EXPECT_FALSE(keys.add("100000"));
  EXPECT_FALSE(keys.add("25000"));
}

TEST(PageKeys, AScanForgetsTheOneBefore) {
  PageKeys keys;
  EXPECT_EQ(page(keys, {"b", "a"}), "");
  EXPECT_TRUE(keys.add("c"));
  keys.clear();
  EXPECT_EQ(page(keys, {"a", "c", "b"}), "");
}

}  // namespace
}  // namespace pendo
