// The list of Track Types, as hostile as the network may make it.
#include "track_types.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

std::string read(std::string_view body, TrackTypeNames& names, std::string_view apps = {}) {
  std::string reason;
  return parse_track_types(body, apps, names, reason) ? "" : reason;
}

TEST(TrackTypes, TakesTheNamesThatEventsCarry) {
  TrackTypeNames names;
  EXPECT_EQ(read(R"([{"id":"x","trackTypeName":"Paid","name":"for people"},{"id":"y","name":"Only"},5,{"id":7,"name":"z"},{"name":"n"}])", names), "");
  EXPECT_EQ(names, (TrackTypeNames{{"x", "Paid"}, {"y", "Only"}, {"", "z"}}));
}

TEST(TrackTypes, LeavesOutThoseOfOtherApps) {
  TrackTypeNames names;
  EXPECT_EQ(read(R"([{"id":"x","name":"a","appId":1},{"id":"y","name":"b","appId":2},{"id":"z","name":"c"}])", names, "2,3"), "");
  EXPECT_EQ(names, (TrackTypeNames{{"y", "b"}, {"z", "c"}}));
}

// They become values of a text column.
TEST(TrackTypes, RefusesNamesThatPostgresqlCannotHold) {
  for (auto name : {R"("\udc00")", R"("a\u0000")"}) {
    TrackTypeNames names;
    EXPECT_EQ(read(R"([{"id":"x","name":)" + std::string(name) + "}]", names), "a name in it is not text");
    EXPECT_EQ(read(R"([{"name":"x","id":)" + std::string(name) + "}]", names), "a name in it is not text");
  }
}

TEST(TrackTypes, RefusesWhatIsNoList) {
  TrackTypeNames names;
  for (std::string_view body : {std::string_view("{}"), std::string_view(""), std::string_view("[\0]", 3), std::string_view("[1")}) {
    EXPECT_EQ(read(body, names), "it is not a JSON array of track types") << body;
  }
  EXPECT_EQ(read("[\"\xff\"]", names), "it is not valid UTF-8");
  EXPECT_EQ(read(R"(["\ud800"])", names), "it holds half a surrogate pair");
  EXPECT_EQ(read("[1e400]", names), "it holds a number beyond every double precision");
  EXPECT_EQ(read(std::string(513, '['), names), "it is nested too deep");
}

}  // namespace
}  // namespace pendo
