// Strict where leniency would hide a client's mistake: bad framing is 400.
#include "http_request.h"

#include <algorithm>
#include <charconv>

#include "compare.h"

namespace simulator {
namespace {

constexpr std::size_t kLongestLine = 64 * 1024;
constexpr std::size_t kLongestHead = 256 * 1024;
constexpr std::size_t kLongestBody = 256UL * 1024 * 1024;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || kMarks.find(c) != std::string_view::npos;
  });
}

template <typename Number>
bool whole_number(std::string_view text, Number& number, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// "q=0", "q=0.0": not this one.
bool is_refused(std::string_view parameters) {
  auto q = parameters.find("q=");
  return q != std::string_view::npos && parameters.find_first_not_of("0.", q + 2) == std::string_view::npos;
}

bool has_word(std::string_view list, std::string_view word) {
  for (;;) {
    auto comma = list.find(',');
    std::string_view item = trimmed(list.substr(0, comma));
    auto semicolon = item.find(';');
    bool refused = semicolon != std::string_view::npos && is_refused(item.substr(semicolon));
    if (lower_case(trimmed(item.substr(0, semicolon))) == word && !refused) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool has_whole_escapes(std::string_view path) {
  unsigned byte = 0;
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 3)) {
    if (at + 2 >= path.size() || !whole_number(path.substr(at + 1, 2), byte, 16)) return false;
  }
  return true;
}

}  // namespace

const std::string* Request::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) return &value;
  }
  return nullptr;
}

bool Request::accepts_gzip() const {
  const std::string* encodings = header("accept-encoding");
  return encodings && has_word(*encodings, "gzip");
}

std::string percent_decode(std::string_view text, bool plus) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() && whole_number(text.substr(i + 1, 2), byte, 16)) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    auto end = rest.find('&');
    std::string_view pair = rest.substr(0, end);
    auto equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), true) == name) {
      return equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1), true);
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

bool RequestReader::fill() {
  char bytes[16 * 1024];
  std::size_t got = wire_.read(bytes, sizeof bytes);
  buffer_.append(bytes, got);
  return got > 0;
}

// Without its line break; nothing if the connection ends first or the line is too long.
std::optional<std::string> RequestReader::read_line(std::size_t most) {
  std::size_t searched = 0;
  for (;;) {
    auto end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      if (end > most) return std::nullopt;
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    searched = buffer_.size();
    if (searched > most || !fill()) return std::nullopt;
  }
}

bool RequestReader::read_head(Request& request, int& status) {
  std::optional<std::string> line = read_line(kLongestLine);
  // RFC 9112: an empty line before the request line is ignored
  if (line && line->empty()) line = read_line(kLongestLine);
  if (!line) {
    status = buffer_.size() > kLongestLine ? 414 : 0;
    request.keep_alive = false;
    return status != 0;
  }
  status = parse_request_line(*line, request);
  if (status == 0) status = read_headers(request);
  if (status == 0) status = check_framing(request);
  if (status != 0) request.keep_alive = false;
  return status >= 0;
}

int RequestReader::parse_request_line(const std::string& line, Request& request) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string::npos || first == last) return 400;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  std::string version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return version.starts_with("HTTP/") ? 505 : 400;
  request.http_1_0 = version == "HTTP/1.0";
  if (!is_token(request.method) || !request.target.starts_with('/')) return 400;
  bool printable = std::ranges::none_of(request.target, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
  if (!printable) return 400;
  auto question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (!has_whole_escapes(request.path)) return 400;  // as Go's server does
  if (question != std::string::npos) request.query = request.target.substr(question + 1);
  return 0;
}

int RequestReader::read_headers(Request& request) {
  std::size_t total = 0;
  for (;;) {
    auto line = read_line(kLongestLine);
    if (!line) return buffer_.size() > kLongestLine ? 431 : -1;
    if (line->empty()) return 0;
    total += line->size();
    if (total > kLongestHead) return 431;
    auto colon = line->find(':');
    if (colon == std::string::npos || !is_token(std::string_view(*line).substr(0, colon))) return 400;
    request.headers.emplace_back(lower_case(line->substr(0, colon)), trimmed(std::string_view(*line).substr(colon + 1)));
  }
}

int RequestReader::check_framing(const Request& request) {
  if (!request.http_1_0 && !request.header("host")) return 400;
  const std::string* length = request.header("content-length");
  const std::string* coding = request.header("transfer-encoding");
  std::size_t bytes = 0;
  if (length && (coding || !whole_number(*length, bytes, 10))) return 400;
  if (coding && lower_case(*coding) != "chunked") return 501;
  if (bytes > kLongestBody) return 413;
  return 0;
}

void RequestReader::continue_if_asked(const Request& request) {
  const std::string* expect = request.header("expect");
  if (expect && lower_case(*expect) == "100-continue" && buffer_.empty()) {
    wire_.send("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

int RequestReader::read_body(Request& request) {
  const std::string* connection = request.header("connection");
  request.keep_alive = !request.http_1_0;
  if (connection && has_word(*connection, "close")) request.keep_alive = false;
  if (connection && has_word(*connection, "keep-alive")) request.keep_alive = true;
  bool chunked = request.header("transfer-encoding") != nullptr;
  const std::string* length = request.header("content-length");
  if (!chunked && !length) return 0;
  std::size_t bytes = 0;
  if (length) whole_number(*length, bytes, 10);
  if (chunked || bytes > 0) continue_if_asked(request);
  return chunked ? read_chunks(request) : read_length(request, bytes);
}

int RequestReader::read_length(Request& request, std::size_t length) {
  std::size_t until = request.body.size() + length;
  while (request.body.size() < until) {
    if (buffer_.empty() && !fill()) return -1;
    std::size_t part = std::min(buffer_.size(), until - request.body.size());
    request.body.append(buffer_, 0, part);
    buffer_.erase(0, part);
  }
  return 0;
}

int RequestReader::read_chunks(Request& request) {
  for (;;) {
    auto line = read_line(kLongestLine);
    if (!line) return -1;
    std::size_t size = 0;
    if (!whole_number(trimmed(std::string_view(*line).substr(0, line->find(';'))), size, 16)) return 400;
    if (size > kLongestBody || request.body.size() + size > kLongestBody) return 413;
    if (size == 0) break;
    if (int status = read_length(request, size)) return status;
    auto end = read_line(kLongestLine);
    if (!end || !end->empty()) return end ? 400 : -1;
  }
  for (;;) {  // trailers
    auto line = read_line(kLongestLine);
    if (!line) return -1;
    if (line->empty()) return 0;
  }
}

}  // namespace simulator
