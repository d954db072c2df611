// No byte is interpreted beyond what HTTP/1.1 framing needs.
#include "simulator_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>

#include "compare.h"
#include "json_parse.h"
#include "json_write.h"

namespace simulator {
namespace {

constexpr int kPatienceMs = 10'000;

}  // namespace

std::string Reply::header(const std::string& lower_name) const {
  auto it = headers.find(lower_name);
  return it == headers.end() ? std::string() : it->second;
}

Value Reply::json() const {
  Value value;
  std::string error;
  return parse_json(body, value, error) ? value : Value();
}

Connection::Connection(int port, int receive_buffer) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ADD_FAILURE() << "cannot connect";
}

Connection::~Connection() { ::close(fd_); }

void Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server may have closed: what it said comes first
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Connection::finish_sending() { ::shutdown(fd_, SHUT_WR); }

bool Connection::fill(int timeout_ms) {
  pollfd watched{fd_, POLLIN, 0};
  if (ended_ || ::poll(&watched, 1, timeout_ms) <= 0) return false;
  char bytes[64 * 1024];
  ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
  if (got > 0) {
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  ended_ = true;
  reset_ = got < 0 && errno == ECONNRESET;
  return false;
}

std::string Connection::receive(int timeout_ms, std::size_t most) {
  if (buffer_.empty()) fill(timeout_ms);
  std::string got = buffer_.substr(0, most);
  buffer_.erase(0, got.size());
  return got;
}

std::string Connection::read_all() {
  while (fill(kPatienceMs)) {
  }
  return std::exchange(buffer_, {});
}

std::string Connection::read_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill(kPatienceMs)) return {};
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

bool Connection::read_bytes(std::size_t count, std::string& out) {
  while (buffer_.size() < count && fill(kPatienceMs)) {
  }
  std::size_t have = std::min(count, buffer_.size());
  out.append(buffer_, 0, have);
  buffer_.erase(0, have);
  return have == count;
}

Reply Connection::read_reply(bool head_only) {
  Reply reply;
  std::string line = read_line();
  if (!line.starts_with("HTTP/1.1 ")) return reply;
  reply.status = std::stoi(line.substr(9, 3));
  while (!(line = read_line()).empty()) {
    auto colon = line.find(": ");
    if (colon != std::string::npos) reply.headers[lower_case(line.substr(0, colon))] = line.substr(colon + 2);
  }
  if (ended_ && buffer_.empty()) return reply;
  reply.complete = head_only || reply.status == 204 || reply.status == 100;
  if (!reply.complete) read_body(reply);
  return reply;
}

void Connection::read_body(Reply& reply) {
  if (std::string length = reply.header("content-length"); !length.empty()) {
    reply.complete = read_bytes(std::stoul(length), reply.body);
    return;
  }
  if (reply.header("transfer-encoding") != "chunked") {
    reply.body = read_all();
    reply.complete = !reset_;
    return;
  }
  for (;;) {
    std::string line = read_line();
    if (line.empty()) return;
    std::size_t size = std::stoul(line, nullptr, 16);
    if (size == 0) {
      reply.complete = read_line().empty() && !ended_;
      return;
    }
    ++reply.pieces;
    std::string end;
    if (!read_bytes(size, reply.body) || !read_bytes(2, end)) return;
  }
}

std::string request_text(std::string_view method, std::string_view path, std::string_view body,
                         const HeaderList& headers) {
  std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: simulator\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST" || method == "PUT") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + std::string(body);
}

std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    char piece[64 * 1024];
    stream.next_out = reinterpret_cast<Bytef*>(piece);
    stream.avail_out = sizeof piece;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, sizeof piece - stream.avail_out);
  }
  inflateEnd(&stream);
  return state == Z_STREAM_END ? out : std::string();
}

Reply TestSimulator::ask(std::string_view method, std::string_view path, std::string_view body, HeaderList headers) {
  bool has_key = std::ranges::any_of(headers, [](const auto& h) { return h.first == "x-pendo-integration-key"; });
  if (!has_key) headers.emplace_back("x-pendo-integration-key", "sim-write-key");
  Connection connection(server.port());
  connection.send(request_text(method, path, body, headers));
  return connection.read_reply(method == "HEAD");
}

Reply TestSimulator::track(std::string_view body, std::string_view secret) {
  return ask("POST", "/data/track", body, {{"x-pendo-integration-key", std::string(secret)}});
}

std::string TestSimulator::aggregate(std::string_view pipeline) {
  Reply reply = post("/api/v1/aggregation", R"({"response":{"mimeType":"application/json"},"request":{"pipeline":)" +
                                                std::string(pipeline) + "}}");
  if (reply.status != 200) return std::to_string(reply.status) + " " + reply.body;
  Value answer = reply.json();
  const Value* results = answer.find("results");
  return results ? to_json(*results, {.html_escape = false}) : reply.body;
}

void TestSimulator::set(std::string_view name, std::string_view value) {
  std::string error;
  EXPECT_TRUE(world.switches.set(name, value, error)) << error;
}

void TestSimulator::fault(std::string_view rules) {
  Reply reply = post("/__sim/faults", rules);
  EXPECT_EQ(reply.status, 200) << reply.body;
}

}  // namespace simulator
