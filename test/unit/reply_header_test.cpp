// Which lines of an answer's head matter, and what is in them.
#include "reply_header.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

TEST(ReplyHeader, NamesHaveNoCaseAndValuesNoBlanksAround) {
  for (auto line : {"Retry-After: 7\r\n", "retry-after:7", "RETRY-AFTER:\t 7 \t\r\n"}) {
    ReplyHeader header = read_header(line);
    EXPECT_EQ(header.kind, HeaderKind::kRetryAfter) << line;
    EXPECT_EQ(header.value, "7") << line;
  }
  EXPECT_EQ(read_header("HTTP/1.1 200 OK\r\n").kind, HeaderKind::kStatus);
  EXPECT_EQ(read_header("content-ENCODING: gzip\r\n").kind, HeaderKind::kEncoding);
}

TEST(ReplyHeader, OthersDoNotMatter) {
  for (auto line : {"", "\r\n", "Retry-After", "X-Retry-After: 7", "Content-Encodings: gzip", "Server: http/", "htt", ":"}) {
    EXPECT_EQ(read_header(line).kind, HeaderKind::kOther) << line;
  }
}

TEST(ReplyHeader, KnowsTheEncodingsThatWereAskedFor) {
  for (auto value : {"gzip", "x-gzip", "GZip"}) EXPECT_EQ(encoding_of(value), Encoding::kGzip) << value;
  for (auto value : {"", "identity", "Identity"}) EXPECT_EQ(encoding_of(value), Encoding::kPlain) << value;
  for (auto value : {"br", "deflate", "gzip, gzip", "gzi", "gzipp"}) EXPECT_EQ(encoding_of(value), Encoding::kUnknown) << value;
}

}  // namespace
}  // namespace pendo
