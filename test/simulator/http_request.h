// An HTTP/1.1 request, and how it is read from a connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire.h"

namespace simulator {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct Request {
  std::string method;
  std::string target;  // path and query as sent
  std::string path;    // still percent-encoded
  std::string query;
  Headers headers;
  std::string body;
  bool keep_alive = true;
  bool http_1_0 = false;

  const std::string* header(std::string_view lower_name) const;
  bool accepts_gzip() const;
  // A parameter of the query, decoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

// %41 as A; `plus` makes + a blank, as in a query. In a query broken escapes stay
// as they are, a path has none.
std::string percent_decode(std::string_view text, bool plus = false);

// What is wrong with a request, as the status that says so; 0: nothing.
class RequestReader {
 public:
  explicit RequestReader(Wire& wire) : wire_(wire) {}

  // False at the end of the connection. `status` is 0, or what to answer and then close.
  bool read_head(Request& request, int& status);
  // Sends 100 Continue where the client waits for it. The result is as `status` above; -1: the connection broke.
  int read_body(Request& request);

 private:
  bool fill();
  std::optional<std::string> read_line(std::size_t most);
  int parse_request_line(const std::string& line, Request& request);
  int read_headers(Request& request);
  int check_framing(const Request& request);
  int read_length(Request& request, std::size_t length);
  int read_chunks(Request& request);
  void continue_if_asked(const Request& request);

  Wire& wire_;
  std::string buffer_;
};

}  // namespace simulator
