// HTTP/1.1 on raw sockets: framing, connections, bad requests, slow readers.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "simulator_client.h"

namespace simulator {
namespace {

const HeaderList kKey = {{"x-pendo-integration-key", "sim-write-key"}};
constexpr std::string_view kVerify = "/api/v1/token/verify";
constexpr std::string_view kCount = R"({"request":{"pipeline":[{"source":{"visitors":null}},{"count":null}]}})";
constexpr std::string_view kCounted = R"({"results":[{"count":102}]})";

class SimulatorHttp : public testing::Test {
 protected:
  // What the server says to these bytes until it closes.
  std::string answer_to(std::string_view bytes) {
    Connection connection(simulator_.server.port());
    connection.send(bytes);
    connection.finish_sending();
    return connection.read_all();
  }
  TestSimulator simulator_;
};

TEST_F(SimulatorHttp, AConnectionServesManyRequests) {
  Connection connection(simulator_.server.port());
  for (int i = 0; i < 5; ++i) {
    connection.send(request_text("GET", kVerify, "", kKey));
    EXPECT_EQ(connection.read_reply().body, R"({"valid":true,"writeAccess":true})");
    connection.send(request_text("POST", "/api/v1/aggregation", kCount, kKey));
    EXPECT_EQ(connection.read_reply().body, kCounted);
  }
  EXPECT_EQ(simulator_.world.traffic.connections_accepted, 1);
}

TEST_F(SimulatorHttp, PipelinedRequestsAreAnsweredInOrder) {
  Connection connection(simulator_.server.port());
  connection.send(request_text("GET", kVerify, "", kKey) + request_text("POST", "/api/v1/aggregation", kCount, kKey) +
                  request_text("GET", "/nothing"));
  EXPECT_EQ(connection.read_reply().body, R"({"valid":true,"writeAccess":true})");
  EXPECT_EQ(connection.read_reply().body, kCounted);
  EXPECT_EQ(connection.read_reply().status, 404);
}

TEST_F(SimulatorHttp, ConnectionCloseIsHonoured) {
  HeaderList headers = kKey;
  headers.emplace_back("Connection", "close");
  Connection connection(simulator_.server.port());
  connection.send(request_text("GET", kVerify, "", headers));
  Reply reply = connection.read_reply();
  EXPECT_EQ(reply.header("connection"), "close");
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(connection.read_all(), "");
  EXPECT_FALSE(connection.was_reset());
}

TEST_F(SimulatorHttp, Http10) {
  std::string answer = answer_to("GET /api/v1/token/verify HTTP/1.0\r\nx-pendo-integration-key: sim-read-key\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("{\"valid\":true,\"writeAccess\":false}")) << answer;
  std::string body = R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})";
  answer = answer_to("POST /api/v1/aggregation HTTP/1.0\r\nx-pendo-integration-key: sim-read-key\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(answer.find("chunked"), std::string::npos) << "an HTTP/1.0 client knows no chunks";
  EXPECT_TRUE(answer.ends_with("}]}")) << answer.size();
}

TEST_F(SimulatorHttp, ChunkedBodies) {
  Connection connection(simulator_.server.port());
  std::string head = "POST /api/v1/aggregation HTTP/1.1\r\nHost: x\r\nx-pendo-integration-key: sim-read-key\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string body(kCount);
  connection.send(head + "5\r\n" + body.substr(0, 5) + "\r\n");
  connection.send("1;extension=1\r\n" + body.substr(5, 1) + "\r\n");
  char size[16];
  std::snprintf(size, sizeof size, "%zX\r\n", body.size() - 6);
  connection.send(size + body.substr(6) + "\r\n0\r\nTrailer: x\r\n\r\n" + request_text("GET", kVerify, "", kKey));
  EXPECT_EQ(connection.read_reply().body, kCounted);
  EXPECT_EQ(connection.read_reply().status, 200) << "the next request begins where the chunks end";
}

TEST_F(SimulatorHttp, BytesThatComeOneByOne) {
  Connection connection(simulator_.server.port());
  std::string request = request_text("POST", "/api/v1/aggregation", kCount, kKey);
  for (char c : request) connection.send({&c, 1});
  EXPECT_EQ(connection.read_reply().body, kCounted);
}

TEST_F(SimulatorHttp, ExpectContinue) {
  Connection connection(simulator_.server.port());
  std::string request = request_text("POST", "/api/v1/aggregation", kCount, {{"x-pendo-integration-key", "sim-read-key"}, {"Expect", "100-continue"}});
  auto body = request.find("\r\n\r\n") + 4;
  connection.send(request.substr(0, body));
  EXPECT_EQ(connection.read_reply().status, 100);
  connection.send(request.substr(body));
  EXPECT_EQ(connection.read_reply().body, kCounted);
}

TEST_F(SimulatorHttp, HeadAndOptions) {
  Connection connection(simulator_.server.port());
  connection.send(request_text("HEAD", kVerify, "", kKey));
  Reply reply = connection.read_reply(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-length"), "33");
  connection.send(request_text("OPTIONS", "/api/v1/metadata/visitor/custom/value", "", kKey));
  reply = connection.read_reply();
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("allow"), "POST, PATCH");
  connection.send(request_text("HEAD", "/__sim/dump/visitor"));
  EXPECT_EQ(connection.read_reply(true).status, 200);
  connection.send(request_text("DELETE", kVerify, "", kKey));
  reply = connection.read_reply();
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("allow"), "GET");
  EXPECT_EQ(simulator_.get("/api/v1/no/such").status, 404);
  EXPECT_EQ(simulator_.get("/").status, 404);
}

TEST_F(SimulatorHttp, RequestsThatAreNone) {
  struct Case {
    std::string bytes;
    std::string_view status;
  };
  const Case kCases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET\r\n\r\n", "400"},
      {"GET / \r\n\r\n", "400"},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
      {"GET / FTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"G ET / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET api HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /100% HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /?q=100% HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", "413"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n", "431"},
      {"GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414"},
  };
  for (const auto& [bytes, status] : kCases) {
    std::string answer = answer_to(bytes);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 " + std::string(status)) << bytes.substr(0, 100);
  }
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 10'000; ++i) many += "Header-" + std::to_string(i) + ": some longer text\r\n";
  EXPECT_TRUE(answer_to(many + "\r\n").starts_with("HTTP/1.1 431"));
  EXPECT_EQ(simulator_.get(kVerify).status, 200) << "the server lives on";
}

TEST_F(SimulatorHttp, HalfARequestIsNoRequest) {
  EXPECT_EQ(answer_to(""), "");
  EXPECT_EQ(answer_to("GET /api"), "");
  EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: x\r\n"), "");
  std::string path = "/api/v1/metadata/visitor/custom/value";
  std::string request = request_text("POST", path, R"([{"visitorId":"v0000001","values":{"plan":"half"}}])", kKey);
  EXPECT_EQ(answer_to(request.substr(0, request.size() - 1)), "");
  EXPECT_NE(simulator_.get("/api/v1/metadata/visitor/custom/value/v0000001/plan").body, "\"half\"");
}

TEST_F(SimulatorHttp, ManyConnectionsAtOnce) {
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([this, &good] {
      Connection connection(simulator_.server.port());
      for (int call = 0; call < 5; ++call) {
        connection.send(request_text("POST", "/api/v1/aggregation", kCount, kKey));
        good += connection.read_reply().body == kCounted;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(SimulatorHttp, ReadersWritersAndResetsAtOnce) {
  const std::pair<std::string_view, std::string_view> kCalls[] = {
      {"/api/v1/aggregation", R"({"request":{"pipeline":[{"source":{"visitors":null}},{"sort":["metadata.custom.seats"]}]}})"},
      {"/api/v1/metadata/visitor/custom/value?create=true", R"([{"visitorId":"v0000001","values":{"a":1}},{"visitorId":"w","values":{"b":2}}])"},
      {"/data/track", R"({"type":"track","event":"e","visitorId":"v","timestamp":1735689600000})"},
      {"/__sim/config", R"({"null_value":"delete"})"},
      {"/__sim/faults", R"([{"route":"GET *","kind":"status"}])"},
      {"/__sim/reset", ""},
  };
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (const auto& [path, body] : kCalls) {
    threads.emplace_back([this, &answered, path = path, body = body] {
      Connection connection(simulator_.server.port());
      std::string key = path == "/data/track" ? "sim-track-secret" : "sim-write-key";
      for (int i = 0; i < 30; ++i) {
        connection.send(request_text("POST", path, body, {{"x-pendo-integration-key", key}}));
        answered += connection.read_reply().status == 200;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 30 * static_cast<int>(std::size(kCalls)));
}

// The generator waits for whoever reads: what is sent ahead is what the kernel holds.
TEST(SimulatorHttpStream, ASlowReaderStopsTheGenerator) {
  TestSimulator simulator({.visitors = 1'000'000, .accounts = 10, .clean = true});
  for (std::string_view encoding : {"identity", "gzip"}) {
    std::int64_t before = simulator.world.traffic.bytes_sent;
    Connection connection(simulator.server.port(), 16 * 1024);
    connection.send(request_text("POST", "/api/v1/aggregation", R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})",
                                 {{"x-pendo-integration-key", "sim-read-key"}, {"Accept-Encoding", std::string(encoding)}}));
    std::int64_t sent = 0;
    std::int64_t last = -1;
    while (sent != last || sent == 0) {  // until nothing moves any more
      last = sent;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      sent = simulator.world.traffic.bytes_sent - before;
    }
    EXPECT_LT(sent, 16'000'000) << encoding;
    EXPECT_GT(connection.receive(1000).size(), 0U);
  }
}

TEST(SimulatorHttpStream, AReaderThatGoesEndsTheGenerator) {
  TestSimulator simulator({.visitors = 1'000'000, .accounts = 10, .clean = true});
  {
    Connection connection(simulator.server.port());
    connection.send(request_text("POST", "/api/v1/aggregation", R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})", kKey));
    connection.receive(5000);
  }
  for (int i = 0; i < 100 && simulator.world.traffic.connections_open > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(simulator.world.traffic.connections_open, 0);
}

}  // namespace
}  // namespace simulator
