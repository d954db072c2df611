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
  EXPECT_EQ(encoder.shown(), decode_event(encoder.encoded()).body);
  return std::string(encoder.shown()) + std::string(encoder.why());
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

TEST(EventEncoder, CarriesTheAppBesideTheBody) {
  TrackEvent event = good_event();
  EventEncoder plain;
  ASSERT_EQ(plain.encode(event), EventEncoder::Result::kEncoded);
  event.app = Value::of_text("mobile");
  EventEncoder mobile;
  ASSERT_EQ(mobile.encode(event), EventEncoder::Result::kEncoded);
  EXPECT_EQ(decode_event(mobile.encoded()).app, "mobile");
  EXPECT_EQ(decode_event(mobile.encoded()).body, decode_event(plain.encoded()).body);
  EXPECT_EQ(decode_event(plain.encoded()).app, "");
  EXPECT_EQ(mobile.shown(), R"({"app":"mobile",)" + std::string(plain.shown().substr(1)));
}

// The ledger knows events by their labels: those of an event without an app stay.
TEST(EventEncoder, TellsTheSameEventOfTwoAppsApart) {
  auto label_in = [](const Value& app) {
    TrackEvent event = good_event();
    event.app = app;
    EventEncoder encoder;
    EXPECT_EQ(encoder.encode(event), EventEncoder::Result::kEncoded);
    return std::string(encoder.label());
  };
  EXPECT_EQ(label_in(Value::null()), "Registered of v1 at 2026-01-02T03:04:05.678Z #49b3f6a141a4f423");
  EXPECT_EQ(label_in(Value::of_text("mobile")), "Registered of v1 at 2026-01-02T03:04:05.678Z in app mobile #4d63c164e8c9c3f5");
  auto fingerprint = [](const std::string& label) { return label.substr(label.find('#')); };
  EXPECT_NE(fingerprint(label_in(Value::of_text("web"))), fingerprint(label_in(Value::of_text("app"))));
}

TEST(EventEncoder, TakesABodyWithLineBreaks) {
  TrackEvent event = good_event();
  event.properties = Value::of_json("{\n\"n\":1}");
  event.app = Value::of_text("web");
  EventEncoder encoder;
  ASSERT_EQ(encoder.encode(event), EventEncoder::Result::kEncoded);
  EXPECT_EQ(decode_event(encoder.encoded()).app, "web");
  EXPECT_EQ(decode_event(encoder.encoded()).body.front(), '{');
}

TEST(EventEncoder, RefusesWhatIsNoApp) {
  for (const char* app : {"", "a b", "a\nb", "\xc3\xa4"}) {
    TrackEvent event = good_event();
    event.app = Value::of_text(app);
    EventEncoder encoder;
    EXPECT_EQ(encoder.encode(event), EventEncoder::Result::kInvalid) << app;
    EXPECT_EQ(encoder.why(), "app is no name of an app");
    EXPECT_EQ(decode_event(encoder.encoded()).app, "");
  }
}

}  // namespace
}  // namespace pendo
