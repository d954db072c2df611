// The option app_id and the parameters that it becomes.
#include "app_choice.h"

#include <gtest/gtest.h>

#include "track_types.h"

namespace pendo {
namespace {

TEST(AppChoice, WhatIsNoChoiceIsToldApart) {
  for (auto good : {"default", "*", "-323232", "6561780136607744", "1,-2", " 1 , -2 "}) EXPECT_EQ(app_choice_problem(good), nullptr) << good;
  for (auto bad : {"", " ", ",", "1,", ",1", "1,,2", "x", "1,*", "1,default", "0", "-", "--1", "1.5", "1e3", "1 2", "1234567890123456789"}) {
    EXPECT_NE(app_choice_problem(bad), nullptr) << bad;
  }
}

TEST(AppChoice, ParameterIsANumberAListOrAnExpression) {
  EXPECT_EQ(app_parameter("-323232"), "-323232");
  EXPECT_EQ(app_parameter(" 1 , -2 "), "[1,-2]");
  EXPECT_EQ(app_parameter("*"), R"x("expandAppIds(\"*\")")x");
}

TEST(AppChoice, TypesAreThoseOfOneAppOrOfAll) {
  EXPECT_EQ(track_types_path("default"), "/api/v1/tracktype");
  EXPECT_EQ(track_types_path("-323232"), "/api/v1/tracktype?appId=-323232");
  EXPECT_EQ(track_types_path("1,2"), "/api/v1/tracktype?expand=*");
  EXPECT_EQ(track_types_path("*"), "/api/v1/tracktype?expand=*");
}

TEST(AppChoice, TypesOfOtherAppsAreLeftOutOfAList) {
  std::string_view body = R"([{"id":"a","name":"A","appId":1},{"id":"b","name":"B","appId":-2},{"id":"c","name":"C","appId":3},{"id":"d","name":"D"}])";
  TrackTypeNames names;
  std::string reason;
  ASSERT_TRUE(parse_track_types(body, "1, -2", names, reason));
  EXPECT_EQ(names, (TrackTypeNames{{"a", "A"}, {"b", "B"}, {"d", "D"}}));
  names.clear();
  ASSERT_TRUE(parse_track_types(body, "default", names, reason));
  EXPECT_EQ(names.size(), 4U);
}

}  // namespace
}  // namespace pendo
