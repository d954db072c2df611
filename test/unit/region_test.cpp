// Regions and hand-made base URLs.
#include "region.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

TEST(Region, EachHasBothHosts) {
  struct { const char *name, *api, *track; } wanted[] = {
      {"us", "https://app.pendo.io", "https://data.pendo.io"},
      {"us1", "https://us1.app.pendo.io", "https://us1.data.pendo.io"},
      {"eu", "https://app.eu.pendo.io", "https://data.eu.pendo.io"},
      {"jp", "https://app.jpn.pendo.io", "https://data.jpn.pendo.io"},
      {"au", "https://app.au.pendo.io", "https://data.au.pendo.io"}};
  for (const auto& w : wanted) {
    const Region* region = find_region(w.name);
    ASSERT_NE(region, nullptr) << w.name;
    EXPECT_EQ(region->api_url, w.api);
    EXPECT_EQ(region->track_url, w.track);
  }
  EXPECT_EQ(find_region("uk"), nullptr);
}

TEST(Region, OnlyHttpsOrLoopbackIsABaseUrl) {
  for (auto good : {"https://pendo.example", "https://pendo.example:8443", "http://127.0.0.1:1", "http://localhost", "http://[::1]:9/"})
    EXPECT_EQ(base_url_problem(good), nullptr) << good;
  for (auto bad : {"", "pendo", "ftp://x", "file:///etc/passwd", "http://pendo.example", "http://127.0.0.1.evil.example",
                   "https://user:pw@host", "https://host/path", "https://host?q", "https://ho st", "https://host\r\nX: y",
                   // not addresses, but names that somebody may own
                   "http://127.0.0.1.", "http://127.0.0.256", "http://127.0.0.0.1", "http://127.", "http://localhost.",
                   "https:/host", "https://@host", "https://a\\@b", "https://%61", "https://host:", "https://host:0", "https://-",
                   "https://h\xc3\xb6st", "http://[::1%25lo]", "https://[fe80::1%25eth0]"})
    EXPECT_NE(base_url_problem(bad), nullptr) << bad;
}

}  // namespace
}  // namespace pendo
