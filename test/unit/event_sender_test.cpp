// The body of a Track Event, and what is shown of one that cannot be sent.
#include "event_sender.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

TrackEvent good_event() {
  TrackEvent event;
  event.visitor_id = Value::of_text("v1");
  event.account_id = Value::of_text("a1");
  event.event = Value::of_text("Registered");
  event.occurred_at = Value::of_time(1767323045678'000);
  event.properties = Value::of_json(R"({"n":1})");
  event.ip = Value::of_text("192.0.2.1");
  event.title = Value::of_text("Home");
  return event;
}

// The body, and behind it why it is invalid.
std::string encoded(const TrackEvent& event) {
  EventEncoder encoder;
  bool good = encoder.encode(event) == EventEncoder::Result::kEncoded;
  EXPECT_EQ(good, encoder.why().empty());
  return std::string(encoder.body()) + std::string(encoder.why());
}

TEST(EventEncoder, WritesWhatIsGiven) {
  EXPECT_EQ(encoded(good_event()),
            R"({"type":"track","event":"Registered","visitorId":"v1","accountId":"a1","timestamp":1767323045678,)"
            R"("properties":{"n":1},"context":{"ip":"192.0.2.1","title":"Home"}})");
}

TEST(EventEncoder, LeavesOutWhatHasNoFormAndShowsTheRest) {
  TrackEvent event = good_event();
  event.occurred_at = Value::bad("infinity is no time");
  EXPECT_EQ(encoded(event),
            R"({"type":"track","event":"Registered","visitorId":"v1","accountId":"a1",)"
            R"("properties":{"n":1},"context":{"ip":"192.0.2.1","title":"Home"}})"
            "timestamp: infinity is no time");
}

TEST(EventEncoder, LeavesOutWhatHasNoFormInTheContext) {
  TrackEvent event = good_event();
  event.ip = Value::of_text("\xff");
  EXPECT_EQ(encoded(event),
            R"({"type":"track","event":"Registered","visitorId":"v1","accountId":"a1","timestamp":1767323045678,)"
            R"("properties":{"n":1},"context":{"title":"Home"}})"
            "ip: the text is not valid UTF-8");
}

TEST(EventEncoder, TellsTheFirstOfSeveralProblems) {
  TrackEvent event = good_event();
  event.event = Value::of_text("\xff");
  event.properties = Value::of_json(R"({"\u0000":1})");
  event.title = Value::of_text("\xff");
  EXPECT_EQ(encoded(event),
            R"({"type":"track","visitorId":"v1","accountId":"a1","timestamp":1767323045678,"context":{"ip":"192.0.2.1"}})"
            "event: the text is not valid UTF-8");
}

TEST(EventEncoder, NeedsAVisitorAndAName) {
  TrackEvent event = good_event();
  event.visitor_id = Value::null();
  EXPECT_NE(encoded(event).find("}}no visitor_id"), std::string::npos);
  event = good_event();
  event.event = Value::of_text("");
  EXPECT_NE(encoded(event).find("}}no event name"), std::string::npos);
  event = good_event();
  event.properties = Value::of_json("[1]");
  EXPECT_NE(encoded(event).find("}}properties is not a JSON object"), std::string::npos);
}

}  // namespace
}  // namespace pendo
