// Track Events: what is taken, what comes of it, and when it shows.
#include <gtest/gtest.h>

#include "json_write.h"
#include "simulator_client.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

constexpr std::int64_t kNow = 1'735'732'800'000;  // 2025-01-01T12:00Z
constexpr std::string_view kSecondSecret = "sim-track-secret-2";

class SimulatorTrack : public testing::Test {
 protected:
  SimulatorTrack() {
    simulator_.set("time_zone_minutes", "0");
    at(kNow);
  }
  void at(std::int64_t ms) { simulator_.set("clock_ms", std::to_string(ms)); }
  static std::string event(std::string_view name, std::string_view visitor, std::int64_t time, std::string_view more = "") {
    return R"({"type":"track","event":")" + std::string(name) + R"(","visitorId":")" + std::string(visitor) +
           R"(","timestamp":)" + std::to_string(time) + std::string(more) + "}";
  }
  // The rows of one visitor for the day of kNow, in the period given.
  std::string rows(std::string_view visitor, std::string_view period = "dayRange") {
    return simulator_.aggregate(
        R"([{"source":{"trackEvents":{"appId":[-323232,6561780136607744]},"timeSeries":{"period":")" + std::string(period) +
        R"(","first":"1735689600000","last":"1735775999999"}}},{"filter":"visitorId == `)" + std::string(visitor) + R"(`"}])");
  }

  TestSimulator simulator_;
};

TEST_F(SimulatorTrack, OneEventIsTaken) {
  Reply reply = simulator_.track(
      event("Signed Up", "new", kNow, R"(,"accountId":"acme","properties":{"n":1,"s":"x"},"context":{"ip":"1.2.3.4","userAgent":"UA","url":"u","title":"t"})"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
  Value received = simulator_.get("/__sim/events").json();
  EXPECT_EQ(to_json(received),
            R"([{"accountId":"acme","appId":-323232,"context":{"ip":"1.2.3.4","title":"t","url":"u","userAgent":"UA"},)"
            R"("event":"Signed Up","processed":true,"properties":{"n":1,"s":"x"},"receivedAt":1735732800000,)"
            R"("timestamp":1735732800000,"type":"track","visitorId":"new"}])");
}

TEST_F(SimulatorTrack, VisitorAccountAndTypeComeIntoBeing) {
  simulator_.track(event("Brand New", "new", kNow, R"(,"accountId":"acme")"));
  Value visitor = simulator_.get("/api/v1/visitor/new").json();
  EXPECT_EQ(to_json(*visitor.find("accountIds")), R"(["acme"])");
  EXPECT_EQ(find_path(visitor, "metadata.auto.firstvisit")->integer(), kNow);
  EXPECT_EQ(simulator_.get("/api/v1/account/acme").status, 200);
  Value types = simulator_.get("/api/v1/tracktype").json();
  EXPECT_EQ(types.list().back().find("name")->string(), "Brand New");
  simulator_.track(event("Brand New", "new", kNow));
  EXPECT_EQ(simulator_.get("/api/v1/tracktype").json().list().size(), types.list().size()) << "a name is one type";
}

TEST_F(SimulatorTrack, TheSecretChoosesTheApp) {
  simulator_.track(event("e", "new", kNow), kSecondSecret);
  Value received = simulator_.get("/__sim/events").json();
  EXPECT_EQ(received.list()[0].find("appId")->integer(), 6561780136607744);
  EXPECT_EQ(simulator_.track(event("e", "new", kNow), "wrong").status, 403);
  EXPECT_EQ(simulator_.track(event("e", "new", kNow), "").status, 403);
  EXPECT_EQ(simulator_.track(event("e", "new", kNow), "sim-write-key").status, 403);
  simulator_.set("track_wrong_secret_status", "401");
  EXPECT_EQ(simulator_.track(event("e", "new", kNow), "wrong").status, 401);
  EXPECT_EQ(simulator_.track(event("e", "new", kNow), "wrong").body, "");
  simulator_.set("track_integration_key", "ignore");
  EXPECT_EQ(simulator_.track(event("e", "lost", kNow), "sim-write-key").status, 200);
  EXPECT_EQ(simulator_.get("/api/v1/visitor/lost").status, 404);
  EXPECT_EQ(simulator_.get("/__sim/events").json().list().size(), 1U);
}

TEST_F(SimulatorTrack, WhatIsNotAnEvent) {
  for (std::string_view body :
       {"", "{", "null", "1", "[]", "{}",
        R"({"event":"e","visitorId":"v","timestamp":1})",
        R"({"type":"identify","event":"e","visitorId":"v","timestamp":1})",
        R"({"type":"track","visitorId":"v","timestamp":1})",
        R"({"type":"track","event":"","visitorId":"v","timestamp":1})",
        R"({"type":"track","event":5,"visitorId":"v","timestamp":1})",
        R"({"type":"track","event":"e","timestamp":1})",
        R"({"type":"track","event":"e","visitorId":"","timestamp":1})",
        R"({"type":"track","event":"e","visitorId":7,"timestamp":1})",
        R"({"type":"track","event":"e","visitorId":"v"})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":"1"})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1.5})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":null})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1e12})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1,"accountId":5})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1,"properties":[1]})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1,"properties":"x"})",
        R"({"type":"track","event":"e","visitorId":"v","timestamp":1,"context":"x"})",
        R"([{"type":"track","event":"e","visitorId":"v","timestamp":1}])"}) {
    Reply reply = simulator_.track(body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_EQ(reply.body, "Error unmarshalling track event data") << body;
    EXPECT_EQ(reply.header("content-type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(to_json(simulator_.get("/__sim/events").json()), "[]");
}

TEST_F(SimulatorTrack, WhatIsOptional) {
  for (std::string_view more : {"", R"(,"accountId":null)", R"(,"properties":null,"context":null)", R"(,"properties":{},"context":{})",
                                R"(,"properties":{"a":[1],"b":{"c":2}})", R"(,"unknown":1)"}) {
    EXPECT_EQ(simulator_.track(event("e", "v", kNow, more)).status, 200) << more;
  }
  simulator_.set("track_nested", "refuse");
  EXPECT_EQ(simulator_.track(event("e", "v", kNow, R"(,"properties":{"a":[1]})")).status, 400);
  EXPECT_EQ(simulator_.track(event("e", "v", kNow, R"(,"properties":{"a":1})")).status, 200);
  simulator_.set("track_array", "accept");
  EXPECT_EQ(simulator_.track("[" + event("e", "v", kNow) + "," + event("e", "w", kNow) + "]").status, 200);
  simulator_.set("track_answer", "text");
  EXPECT_EQ(simulator_.track(event("e", "v", kNow)).body, "OK");
  simulator_.set("track_answer", "object");
  EXPECT_EQ(simulator_.track(event("e", "v", kNow)).body, "{}");
}

TEST_F(SimulatorTrack, EventsShowAfterAWhile) {
  simulator_.track(event("e", "new", kNow));
  EXPECT_EQ(rows("new"), "[]") << "nobody reads their own events at once";
  at(kNow + 14 * 60'000);
  EXPECT_EQ(rows("new"), "[]");
  at(kNow + 15 * 60'000);
  EXPECT_NE(rows("new"), "[]");
}

TEST_F(SimulatorTrack, RowsAreSumsOfEvents) {
  simulator_.set("event_delay_ms", "0");
  std::string type;
  for (std::int64_t time : {kNow - 90'000, kNow - 85'000, kNow - 1'000}) {
    simulator_.track(event("e", "new", time, R"(,"accountId":"acme","context":{"ip":"1.2.3.4","userAgent":"UA"})"));
  }
  simulator_.track(event("e", "new", kNow - 7'200'000, R"(,"accountId":"acme","context":{"ip":"1.2.3.4","userAgent":"UA"})"));
  type = simulator_.get("/api/v1/tracktype").json().list().back().find("id")->string();
  auto row = [&type](std::string_view period, std::int64_t start, std::int64_t first, std::int64_t last, int events, int minutes) {
    Value out = Object{};
    out.set(period, start);
    for (auto [name, value] : {std::pair("firstTime", first), std::pair("lastTime", last)}) out.set(name, value);
    out.set("numEvents", events);
    out.set("numMinutes", minutes);
    out.set("accountId", "acme");
    out.set("appId", -323232);
    out.set("properties", Object{});
    out.set("remoteIp", "1.2.3.4");
    out.set("server", "__apitrackevent__");
    out.set("trackTypeId", type);
    out.set("userAgent", "UA");
    out.set("visitorId", "new");
    return to_json(out);
  };
  EXPECT_EQ(rows("new"), "[" + row("day", 1'735'689'600'000, kNow - 7'200'000, kNow - 1'000, 4, 3) + "]");
  EXPECT_EQ(rows("new", "hourRange"),
            "[" + row("hour", 1'735'725'600'000, kNow - 7'200'000, kNow - 7'200'000, 1, 1) + "," +
                row("hour", 1'735'729'200'000, kNow - 90'000, kNow - 1'000, 3, 2) + "]");
}

TEST_F(SimulatorTrack, OtherPropertiesOtherRow) {
  simulator_.set("event_delay_ms", "0");
  simulator_.track(event("e", "new", kNow - 1, R"(,"properties":{"a":1})"));
  simulator_.track(event("e", "new", kNow - 1, R"(,"properties":{"a":2})"));
  simulator_.track(event("e", "new", kNow - 1, R"(,"properties":{"a":2})"));
  EXPECT_EQ(parse(rows("new")).list().size(), 2U);
  std::string large = R"(,"properties":{"a":")" + std::string(600, 'x') + "\"}";
  EXPECT_EQ(simulator_.track(event("e", "large", kNow - 1, large)).status, 200);
  Value row = parse(rows("large"));
  EXPECT_EQ(row.list()[0].find("properties")->string(), "event properties JSON too large");
}

TEST_F(SimulatorTrack, OldAndFutureEvents) {
  simulator_.set("event_delay_ms", "0");
  std::int64_t old = kNow - 8 * 24 * 3'600'000LL;
  EXPECT_EQ(simulator_.track(event("e", "old", old)).status, 200) << "200 is no proof of processing";
  EXPECT_FALSE(simulator_.get("/__sim/events").json().list()[0].find("processed")->is_true());
  auto count = [this](std::string_view visitor) {
    return simulator_.aggregate(
        R"~([{"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":"now() - 1000*3600*24*20","last":"now() + 1000*3600*24*20"}}},{"filter":"visitorId == `)~" +
        std::string(visitor) + R"(`"},{"count":null}])");
  };
  EXPECT_EQ(count("old"), R"([{"count":0}])");
  simulator_.set("old_events", "keep");
  simulator_.track(event("e", "old", old));
  EXPECT_EQ(count("old"), R"([{"count":1}])");
  simulator_.track(event("e", "future", kNow + 24 * 3'600'000LL));
  EXPECT_EQ(count("future"), R"([{"count":1}])");
  simulator_.set("future_events", "drop");
  simulator_.track(event("e", "later", kNow + 24 * 3'600'000LL));
  EXPECT_EQ(count("later"), R"([{"count":0}])");
}

TEST_F(SimulatorTrack, GeneratedEventsAreTheSameInEveryPeriod) {
  auto total = [this](std::string_view period, std::string_view app) {
    return simulator_.aggregate(R"([{"source":{"trackEvents":{"appId":)" + std::string(app) + R"(},"timeSeries":{"period":")" +
                                std::string(period) +
                                R"~(","first":"date(2024,12,1)","last":"date(2024,12,31,23)"}}},{"reduce":{"n":{"sum":"numEvents"}}}])~");
  };
  std::string days = total("dayRange", R"~("expandAppIds(\"*\")")~");
  EXPECT_EQ(days, total("hourRange", R"~("expandAppIds(\"*\")")~"));
  EXPECT_EQ(days, total("monthRange", R"~("expandAppIds(\"*\")")~"));
  EXPECT_NE(days, R"([{"n":0}])");
  EXPECT_EQ(total("dayRange", "null"), total("dayRange", "-323232")) << "unspecified is the default app only";
  EXPECT_NE(total("dayRange", "null"), days);
  EXPECT_EQ(total("dayRange", "1"), R"([{"n":0}])");
}

TEST_F(SimulatorTrack, TypesNarrowTheSource) {
  std::string id = simulator_.get("/api/v1/tracktype").json().list()[0].find("id")->string();
  constexpr std::string_view kSeries =
      R"~(,"timeSeries":{"period":"dayRange","first":"date(2024,12,1)","last":"date(2024,12,31)"}}},{"group":{"group":["trackTypeId"]}}])~";
  std::string one = R"([{"trackTypeId":")" + id + "\"}]";
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"trackEvents":{"trackTypeId":")" + id + "\"}" + std::string(kSeries)), one);
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"trackEvents":{"trackTypeIds":[")" + id + "\"]}" + std::string(kSeries)), one);
  EXPECT_TRUE(simulator_.aggregate(R"([{"source":{"trackEvents":{"appId":1,"trackTypeId":"x"})" + std::string(kSeries)).starts_with("400 "));
  EXPECT_TRUE(simulator_.aggregate(R"([{"source":{"trackEvents":null}}])").starts_with("400 ")) << "without a timeSeries";
  EXPECT_TRUE(simulator_.aggregate(R"([{"source":{"trackEvents":null,"visitors":null}}])").starts_with("400 ")) << "two sources";
  std::string hours = R"~([{"source":{"trackEvents":null,"timeSeries":{"period":"hourRange","first":"now()","count":1}}}])~";
  EXPECT_TRUE(simulator_.aggregate(hours).starts_with("["));
  simulator_.set("hour_range_needs_id", "yes");
  EXPECT_TRUE(simulator_.aggregate(hours).starts_with("400 "));
}

TEST_F(SimulatorTrack, ResetForgetsIt) {
  simulator_.track(event("Brand New", "new", kNow, R"(,"accountId":"acme")"));
  simulator_.post("/__sim/reset", "");
  EXPECT_EQ(simulator_.get("/__sim/events").body, "[]");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/new").status, 404);
  EXPECT_EQ(simulator_.get("/api/v1/account/acme").status, 404);
  EXPECT_EQ(simulator_.get("/api/v1/tracktype").json().list().size(), 6U);
}

}  // namespace
}  // namespace simulator
