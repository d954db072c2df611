// Each kind of fault really happens on the wire, and has the effect on the data
// that it promises.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "json_write.h"
#include "simulator_client.h"

namespace simulator {
namespace {

constexpr std::string_view kBulk = "/api/v1/metadata/visitor/custom/value";
constexpr std::string_view kBody = R"([{"visitorId":"v0000001","values":{"plan":"changed"}},{"visitorId":"v0000002","values":{"plan":"changed"}}])";
const HeaderList kKey = {{"x-pendo-integration-key", "sim-write-key"}};

class SimulatorFault : public testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  // The members of a rule for the bulk call.
  void bulk_fault(std::string_view members) {
    simulator_.fault(R"([{"route":"POST )" + std::string(kBulk) + "\"," + std::string(members) + "}]");
  }
  Reply bulk() {
    connection_.emplace(simulator_.server.port());
    connection_->send(request_text("POST", kBulk, kBody, kKey));
    return connection_->read_reply();
  }
  // How many of the two visitors of the body have been changed.
  std::int64_t changed() {
    return simulator_.world.store.record(Kind::kVisitor, "v0000001", Projection::everything()) ? count_changed() : -1;
  }
  static std::int64_t ms_since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  }

  TestSimulator simulator_;
  std::optional<Connection> connection_;

 private:
  std::int64_t count_changed() const {
    std::int64_t count = 0;
    for (std::string_view id : {"v0000001", "v0000002"}) {
      auto record = simulator_.world.store.record(Kind::kVisitor, id, Projection::everything());
      count += *find_path(*record, "metadata.custom.plan") == Value("changed");
    }
    return count;
  }
};

TEST_F(SimulatorFault, StatusComesBeforeAnyEffect) {
  bulk_fault(R"("kind":"status","status":429,"body":"Too Many Requests","headers":{"Retry-After":"2"})");
  Reply reply = bulk();
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "Too Many Requests");
  EXPECT_EQ(reply.header("retry-after"), "2");
  EXPECT_EQ(changed(), 0);
  bulk_fault(R"("kind":"status","status":503)");
  EXPECT_EQ(bulk().status, 503);
  EXPECT_EQ(bulk().body, "");
}

TEST_F(SimulatorFault, StatusAfterComesAfterTheEffect) {
  bulk_fault(R"("kind":"status_after","status":504,"body":"late")");
  Reply reply = bulk();
  EXPECT_EQ(reply.status, 504);
  EXPECT_EQ(reply.body, "late");
  EXPECT_EQ(changed(), 2);
}

TEST_F(SimulatorFault, StallBeforeSendsNothing) {
  bulk_fault(R"("kind":"stall_before","ms":300)");
  auto start = Clock::now();
  Connection connection(simulator_.server.port());
  connection.send(request_text("POST", kBulk, kBody, kKey));
  EXPECT_EQ(connection.receive(100), "");
  EXPECT_EQ(connection.read_reply().status, 200);
  EXPECT_GE(ms_since(start), 300);
}

TEST_F(SimulatorFault, StallHeadersSendsTheStatusLineOnly) {
  bulk_fault(R"("kind":"stall_headers","ms":300)");
  auto start = Clock::now();
  Connection connection(simulator_.server.port());
  connection.send(request_text("POST", kBulk, kBody, kKey));
  EXPECT_EQ(connection.receive(5000), "HTTP/1.1 200 OK\r\n");
  std::string rest = connection.receive(5000);
  EXPECT_GE(ms_since(start), 300);
  EXPECT_TRUE(rest.starts_with("Content-Type: ")) << rest;
}

TEST_F(SimulatorFault, StallBodySendsSomeBytesFirst) {
  bulk_fault(R"("kind":"stall_body","after_bytes":5,"ms":300)");
  auto start = Clock::now();
  Reply reply = bulk();
  EXPECT_GE(ms_since(start), 300);
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.json().find("updated")->integer(), 2);
  bulk_fault(R"("kind":"stall_body","after_bytes":5,"ms":60000)");
  Connection connection(simulator_.server.port());
  connection.send(request_text("POST", kBulk, kBody, kKey));
  std::string got;
  while (got.find("\r\n\r\n{\"fai") == std::string::npos) got += connection.receive(5000);
  EXPECT_TRUE(got.ends_with("\r\n\r\n{\"fai")) << got;
  EXPECT_EQ(connection.receive(100), "");
}

TEST_F(SimulatorFault, DripSendsAFewBytesAtATime) {
  bulk_fault(R"("kind":"drip","bytes":10,"ms":20)");
  auto start = Clock::now();
  Reply reply = bulk();
  EXPECT_TRUE(reply.complete);
  std::string plain = R"({"failed":0,"kind":"visitor","total":2,"updated":2})";
  EXPECT_EQ(reply.body, plain);
  EXPECT_GE(ms_since(start), static_cast<std::int64_t>((plain.size() - 1) / 10 * 20));
}

TEST_F(SimulatorFault, ResetBeforeReadsNoBody) {
  bulk_fault(R"("kind":"reset_before")");
  EXPECT_EQ(bulk().status, 0);
  EXPECT_TRUE(connection_->was_reset());
  EXPECT_EQ(changed(), 0);
  EXPECT_EQ(simulator_.get("/__sim/stats").body, R"({"POST /api/v1/metadata/visitor/custom/value":1})");
}

TEST_F(SimulatorFault, ResetAfterHasTheEffect) {
  bulk_fault(R"("kind":"reset_after")");
  EXPECT_EQ(bulk().status, 0);
  EXPECT_TRUE(connection_->was_reset());
  EXPECT_EQ(changed(), 2);
}

TEST_F(SimulatorFault, ResetBodyAndTruncateCutTheBody) {
  for (bool reset : {true, false}) {
    bulk_fault(std::string(R"("kind":")") + (reset ? "reset_body" : "truncate") + R"(","after_bytes":7)");
    Connection connection(simulator_.server.port());
    connection.send(request_text("POST", kBulk, kBody, kKey));
    std::string all = connection.read_all();
    EXPECT_NE(all.find("Content-Length: 51"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("\r\n\r\n{\"faile")) << all;
    EXPECT_EQ(connection.was_reset(), reset);
  }
  EXPECT_EQ(changed(), 2);
}

TEST_F(SimulatorFault, CutStreamsHaveNoLastChunk) {
  TestSimulator large({.visitors = 3000, .accounts = 10, .clean = true});
  for (std::string_view encoding : {"identity", "gzip"}) {
    for (std::string_view kind : {"truncate", "reset_body"}) {
      large.fault(R"([{"route":"POST /api/v1/aggregation","kind":")" + std::string(kind) + R"(","after_bytes":30001}])");
      Reply reply = large.ask("POST", "/api/v1/aggregation", R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})",
                              {{"Accept-Encoding", std::string(encoding)}});
      EXPECT_EQ(reply.status, 200);
      EXPECT_FALSE(reply.complete);
      if (kind == "truncate") {
        EXPECT_EQ(reply.body.size(), 30001U) << encoding;
      }
    }
  }
}

TEST_F(SimulatorFault, GarbageIsA200) {
  bulk_fault(R"("kind":"garbage","body":"<html>maintenance</html>")");
  Reply reply = bulk();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "<html>maintenance</html>");
  EXPECT_EQ(changed(), 0);
}

TEST_F(SimulatorFault, Partial408AppliesTheFirstHalf) {
  bulk_fault(R"("kind":"partial_408")");
  EXPECT_EQ(bulk().status, 408);
  EXPECT_EQ(changed(), 1);
}

TEST_F(SimulatorFault, WrongCountsDoNotAddUp) {
  bulk_fault(R"("kind":"wrong_counts")");
  Value reply = bulk().json();
  EXPECT_NE(reply.find("total")->integer(), reply.find("updated")->integer() + reply.find("failed")->integer());
  EXPECT_EQ(changed(), 2);
}

TEST_F(SimulatorFault, ShortBodyIsFramedAsIfItWereWhole) {
  bulk_fault(R"("kind":"short_body","after_bytes":7)");
  Reply reply = bulk();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.header("content-length"), "7");
  EXPECT_EQ(reply.body, R"({"faile)");
  TestSimulator large({.visitors = 3000, .accounts = 10, .clean = true});
  large.fault(R"([{"route":"POST /api/v1/aggregation","kind":"short_body","after_bytes":30001}])");
  for (std::string_view encoding : {"identity", "gzip"}) {
    reply = large.ask("POST", "/api/v1/aggregation", R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})",
                      {{"Accept-Encoding", std::string(encoding)}});
    EXPECT_TRUE(reply.complete) << encoding;
    EXPECT_EQ(reply.body.size(), 30001U) << encoding;
  }
}

TEST_F(SimulatorFault, WrongLengthIsOffByThatMuch) {
  bulk_fault(R"("kind":"wrong_length","by":-10)");
  Reply reply = bulk();
  EXPECT_EQ(reply.header("content-length"), "41");
  EXPECT_EQ(reply.body.size(), 41U);
  bulk_fault(R"("kind":"wrong_length","by":10)");
  reply = bulk();
  EXPECT_EQ(reply.header("content-length"), "61");
  EXPECT_FALSE(reply.complete);
}

TEST_F(SimulatorFault, CorruptSpoilsWhatIsCompressed) {
  const std::string_view pipeline = R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})";
  simulator_.fault(R"([{"route":"POST /api/v1/aggregation","kind":"corrupt","after_bytes":60}])");
  Reply packed = simulator_.ask("POST", "/api/v1/aggregation", pipeline, {{"Accept-Encoding", "gzip"}});
  EXPECT_TRUE(packed.complete);
  EXPECT_EQ(gunzip(packed.body), "");
  simulator_.set("compression", "none");
  Reply plain = simulator_.ask("POST", "/api/v1/aggregation", pipeline, {{"Accept-Encoding", "gzip"}});
  EXPECT_FALSE(plain.json().is_missing());
}

TEST_F(SimulatorFault, GzipBombSwells) {
  bulk_fault(R"("kind":"gzip_bomb","body":"[","bytes":3000000)");
  Reply reply = bulk();
  EXPECT_EQ(reply.status, 200);
  EXPECT_LT(reply.body.size(), 100'000U);
  EXPECT_EQ(gunzip(reply.body), "[" + std::string(3'000'000, ' '));
  EXPECT_EQ(changed(), 0);
}

TEST_F(SimulatorFault, CloseAfterPromisesToStay) {
  bulk_fault(R"("kind":"close_after","ms":1000)");
  auto start = Clock::now();
  Reply reply = bulk();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.header("connection"), "");
  EXPECT_LT(ms_since(start), 1000);
  EXPECT_EQ(changed(), 2);
  connection_->send(request_text("POST", kBulk, kBody, kKey));
  EXPECT_EQ(connection_->read_all(), "");
  EXPECT_FALSE(connection_->was_reset());
  EXPECT_GE(ms_since(start), 1000);
  EXPECT_EQ(simulator_.get("/__sim/stats").body, R"({"POST /api/v1/metadata/visitor/custom/value":1})");
}

TEST_F(SimulatorFault, StallUploadReadsNoBody) {
  bulk_fault(R"("kind":"stall_upload","ms":200)");
  auto start = Clock::now();
  EXPECT_EQ(bulk().status, 0);
  EXPECT_GE(ms_since(start), 200);
  EXPECT_EQ(changed(), 0);
  EXPECT_EQ(simulator_.get("/__sim/metrics").json().find("faults")->find("stall_upload")->integer(), 1);
}

class SimulatorPageFault : public SimulatorFault {
 protected:
  void page_fault(std::string_view members) {
    simulator_.fault(R"([{"route":"POST /api/v1/aggregation",)" + std::string(members) + "}]");
  }
  // The numbers of the visitors on a page of five behind the one with that number.
  std::string page(int behind) {
    std::string last = "v000000" + std::to_string(behind);
    std::string results = simulator_.aggregate(R"([{"source":{"visitors":null}},{"identified":"visitorId"},{"filter":"visitorId > \")" + last +
                                               R"(\""},{"sort":["visitorId"]},{"limit":5},{"select":{"a":"visitorId"}}])");
    std::string numbers;
    for (auto at = results.find("v000"); at != std::string::npos; at = results.find("v000", at + 1)) numbers += results.substr(at + 6, 2) + " ";
    return numbers;
  }
};

TEST_F(SimulatorPageFault, RepeatRowPutsTheFirstInThePlaceOfAnother) {
  page_fault(R"("kind":"repeat_row","after_rows":1)");
  EXPECT_EQ(page(0), "01 01 03 04 05 ");
  page_fault(R"("kind":"repeat_row","after_rows":4)");
  EXPECT_EQ(page(5), "06 07 08 09 06 ");
  page_fault(R"("kind":"repeat_row","after_rows":5)");
  EXPECT_EQ(page(0), "01 02 03 04 05 ");
}

TEST_F(SimulatorPageFault, RepeatPageAnswersTheCallBefore) {
  page_fault(R"("kind":"repeat_page","skip":1,"times":1)");
  EXPECT_EQ(page(0), "01 02 03 04 05 ");
  EXPECT_EQ(page(5), "01 02 03 04 05 ");
  EXPECT_EQ(page(5), "06 07 08 09 10 ");
}

TEST_F(SimulatorPageFault, RepeatPageHasNothingToRepeatAtFirst) {
  page_fault(R"("kind":"repeat_page")");
  EXPECT_EQ(page(5), "06 07 08 09 10 ");
}

TEST_F(SimulatorPageFault, DropRowsLeavesSomeOut) {
  page_fault(R"("kind":"drop_rows","after_rows":1,"rows":2)");
  EXPECT_EQ(page(0), "01 04 05 ");
  page_fault(R"("kind":"drop_rows","after_rows":3)");
  EXPECT_EQ(page(0), "01 02 03 ");
  page_fault(R"("kind":"drop_rows")");
  EXPECT_EQ(page(0), "");
}

TEST_F(SimulatorFault, RatesAreDrawnBySeedAndTold) {
  auto statuses = [this](std::string_view seed) {
    simulator_.post("/__sim/reset", "");
    simulator_.fault(R"([{"route":"GET /api/v1/token/verify","rate":30,"seed":)" + std::string(seed) + R"(,"kind":"status","status":500},
                         {"route":"GET *","rate":50,"kind":"reset_after"}])");
    std::string drawn;
    for (int i = 0; i < 200; ++i) drawn += std::to_string(simulator_.get("/api/v1/token/verify").status) + " ";
    return drawn;
  };
  std::string first = statuses("7");
  Value faults = *simulator_.get("/__sim/metrics").json().find("faults");
  std::int64_t failed = faults.find("status")->integer();
  EXPECT_GT(failed, 30);
  EXPECT_LT(failed, 90);
  EXPECT_GT(faults.find("reset_after")->integer(), 40);
  std::int64_t told = 0;
  Value requests = simulator_.get("/__sim/requests").json();
  for (const auto& request : requests.list()) {
    const Value* fault = request.find("fault");
    bool refused = request.find("status")->integer() == 500;
    EXPECT_EQ(refused, fault && *fault == Value("status"));
    told += refused;
  }
  EXPECT_EQ(told, failed);
  EXPECT_EQ(statuses("7"), first);
  EXPECT_NE(statuses("8"), first);
}

TEST_F(SimulatorFault, SkipTimesAndPrefixes) {
  simulator_.fault(R"([{"route":"GET /api/v1/token/verify","skip":1,"times":2,"kind":"status","status":500},
                       {"route":"GET /api/v1/visitor/*","kind":"status","status":502},
                       {"route":"GET /api/v1/account/:id","kind":"status","status":503}])");
  std::vector<int> statuses;
  for (int i = 0; i < 5; ++i) statuses.push_back(simulator_.get("/api/v1/token/verify").status);
  EXPECT_EQ(statuses, (std::vector<int>{200, 500, 500, 200, 200}));
  EXPECT_EQ(simulator_.get("/api/v1/visitor/v0000001").status, 502);
  EXPECT_EQ(simulator_.get("/api/v1/account/a00001").status, 503);
  EXPECT_EQ(simulator_.get("/api/v1/metadata/schema/visitor").status, 200);
  EXPECT_EQ(simulator_.get("/__sim/faults").json().list()[0].find("times")->integer(), 0);
  simulator_.fault("[]");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/v0000001").status, 200);
}

TEST_F(SimulatorFault, RulesThatWouldNotWorkAreRefused) {
  for (std::string_view rules :
       {"{}", "[1]", "[", R"([{"kind":"status"}])", R"([{"route":"x"}])", R"([{"route":"x","kind":"bogus"}])",
        R"([{"route":"x","kind":"drip","byte":1}])", R"([{"route":"x","kind":"drip","ms":-1}])",
        R"([{"route":"x","kind":"drip","ms":"soon"}])", R"([{"route":"x","kind":"status","status":7}])",
        R"([{"route":"x","kind":"status","rate":101}])", R"([{"route":"x","kind":"status","rate":-1}])",
        R"([{"route":"x","kind":"status","headers":{"a":1}}])", R"([{"route":"x","kind":"status","headers":[]}])"}) {
    EXPECT_EQ(simulator_.post("/__sim/faults", rules).status, 400) << rules;
  }
  EXPECT_EQ(simulator_.get("/__sim/faults").body, "[]");
}

TEST_F(SimulatorFault, AStallEndsWhenThePeerGoes) {
  for (std::string_view kind : {"stall_before", "stall_headers", "stall_body", "drip"}) {
    bulk_fault(R"("kind":")" + std::string(kind) + R"(","ms":60000)");
    {
      Connection connection(simulator_.server.port());
      connection.send(request_text("POST", kBulk, kBody, kKey));
      connection.receive(50);
    }
    auto start = Clock::now();
    while (simulator_.world.traffic.connections_open > 0 && ms_since(start) < 5000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_LT(ms_since(start), 5000) << kind;
  }
}

TEST_F(SimulatorFault, LatencyIsASwitch) {
  simulator_.post("/__sim/config", R"({"latency_ms":200})");
  auto start = Clock::now();
  EXPECT_EQ(simulator_.get("/api/v1/token/verify").status, 200);
  EXPECT_GE(ms_since(start), 200);
}

TEST_F(SimulatorFault, AServerStopsWithEverythingStalled) {
  auto other = std::make_unique<TestSimulator>();
  other->fault(R"([{"route":"*","kind":"stall_before","ms":60000}])");
  Connection stalled(other->server.port());
  stalled.send(request_text("GET", "/api/v1/token/verify", "", kKey));
  Connection idle(other->server.port());
  Connection half(other->server.port());
  half.send("GET / HT");
  while (other->world.traffic.connections_open < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto start = Clock::now();
  other.reset();
  EXPECT_LT(ms_since(start), 2000);
}

}  // namespace
}  // namespace simulator
