#include "page_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace pendo {
namespace {

bool page(PageKeys& keys, std::initializer_list<const char*> of) {
  for (auto key : of) keys.add(key);
  return keys.end_page();
}

TEST(PageKeys, PagesOfDifferentRowsAreGood) {
  PageKeys keys;
  EXPECT_TRUE(page(keys, {"a", "b", "c"}));
  EXPECT_TRUE(page(keys, {"e", "d"}));
  EXPECT_TRUE(page(keys, {}));
}

TEST(PageKeys, ARowTwiceIsNoticed) {
  PageKeys keys;
  EXPECT_FALSE(page(keys, {"a", "b", "a"}));
}

TEST(PageKeys, ARowOfThePageBeforeIsNoticed) {
  PageKeys keys;
  EXPECT_TRUE(page(keys, {"a", "b", "c"}));
  EXPECT_FALSE(page(keys, {"d", "b", "e"}));
}

TEST(PageKeys, PagesInAnyOrderAreCompared) {
  PageKeys keys;
  EXPECT_TRUE(page(keys, {"c", "a", "b"}));
  EXPECT_FALSE(page(keys, {"c", "d"}));
  keys.clear();
  EXPECT_TRUE(page(keys, {"a", "b", "z"}));
  EXPECT_TRUE(page(keys, {"c", "d"}));
  EXPECT_TRUE(page(keys, {"x", "y"}));
  EXPECT_FALSE(page(keys, {"z", "x"}));
}

TEST(PageKeys, AScanForgetsTheOneBefore) {
  PageKeys keys;
  EXPECT_TRUE(page(keys, {"a", "b"}));
  keys.add("c");
  keys.clear();
  EXPECT_TRUE(page(keys, {"a", "b", "c"}));
}

}  // namespace
}  // namespace pendo
