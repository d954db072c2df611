// The table of regions and the check of hand-made base URLs.
#include "region.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <cstring>
#include <memory>

namespace pendo {
namespace {

// Pendo names its hosts in two orders: us1.data.pendo.io, but data.eu.pendo.io.
constexpr Region kRegions[] = {
    {"us", "https://app.pendo.io", "https://data.pendo.io"},
    {"us1", "https://us1.app.pendo.io", "https://us1.data.pendo.io"},
    {"eu", "https://app.eu.pendo.io", "https://data.eu.pendo.io"},
    {"jp", "https://app.jpn.pendo.io", "https://data.jpn.pendo.io"},
    {"au", "https://app.au.pendo.io", "https://data.au.pendo.io"},
};

struct UrlFree {
  void operator()(CURLU* u) const noexcept { curl_url_cleanup(u); }
};
using Url = std::unique_ptr<CURLU, UrlFree>;

struct TextFree {
  void operator()(char* t) const noexcept { curl_free(t); }
};
using UrlText = std::unique_ptr<char, TextFree>;

UrlText part(const Url& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return nullptr;
  return UrlText(text);
}

bool is_loopback(const char* host) {
  if (std::strcmp(host, "localhost") == 0 || std::strcmp(host, "[::1]") == 0) return true;
  // curl has already normalised decimal, octal and short IPv4 forms here; what is
  // no address is a name, and may be anybody's
  in_addr address{};
  return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

// scheme://host[:port] and perhaps a slash, of plain characters alone: curl's
// parser is more forgiving, and not each version of it in the same way.
bool is_plain(std::string_view url) noexcept {
  std::size_t begin = url.find("://");
  if (begin == std::string_view::npos) return false;
  url.remove_prefix(begin + 3);
  if (url.ends_with('/')) url.remove_suffix(1);
  auto is_alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (url.empty() || !(is_alnum(url.front()) || url.front() == '[') || url.ends_with(':')) return false;
  for (char c : url) {
    if (!is_alnum(c) && std::string_view(".-_:[]").find(c) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::span<const Region> all_regions() noexcept { return kRegions; }

const Region* find_region(std::string_view name) noexcept {
  for (const auto& region : kRegions) {
    if (region.name == name) return &region;
  }
  return nullptr;
}

// Newer versions of libcurl mend what was written: "127.0.0.1." becomes an address.
static bool stands_in(const char* text, const char* host) noexcept {
  const char* begin = std::strstr(text, "://");
  std::size_t size = std::strlen(host);
  bool is_numeric_v6 = *host == '[';  // which has many forms
  return begin && (is_numeric_v6 || (std::strncmp(begin + 3, host, size) == 0 && std::strchr(":/", begin[3 + size])));
}

const char* base_url_problem(const char* text) noexcept {
  for (const char* c = text; *c; ++c) {
    if (static_cast<unsigned char>(*c) <= ' ' || *c == 0x7f) return "it has a blank or a control character";
  }
  // an empty query or fragment is not shown by its parts; "https:///host" is guessed right
  const char* colon = std::strchr(text, ':');
  bool odd = std::strpbrk(text, "?#") || (colon && std::strncmp(colon, ":///", 4) == 0);
  if (odd) return "it must be scheme://host[:port]";
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text, 0) != CURLUE_OK) return "it is not a URL";
  auto scheme = part(url, CURLUPART_SCHEME);
  auto host = part(url, CURLUPART_HOST);
  if (!scheme || !host) return "it is not a URL";
  bool https = std::strcmp(scheme.get(), "https") == 0;
  if (!https && std::strcmp(scheme.get(), "http") != 0) return "only https is allowed";
  if (!https && !is_loopback(host.get())) return "plain http is allowed on the loopback interface only";
  if (part(url, CURLUPART_USER) || part(url, CURLUPART_PASSWORD)) return "it must not have a user or a password";
  if (part(url, CURLUPART_QUERY) || part(url, CURLUPART_FRAGMENT)) return "it must end after the host and port";
  auto path = part(url, CURLUPART_PATH);
  if (path && std::strcmp(path.get(), "/") != 0) return "it must end after the host and port";
  auto port = part(url, CURLUPART_PORT);
  if (port && std::strcmp(port.get(), "0") == 0) return "there is no port 0";
  bool as_written = is_plain(text) && stands_in(text, host.get()) && !part(url, CURLUPART_ZONEID);
  return as_written ? nullptr : "it must be scheme://host[:port]";
}

}  // namespace pendo
