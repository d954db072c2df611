// Decompressing piece by piece, with little room.
#include "gunzip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace pendo {
namespace {

std::string packed(std::string_view text) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

// Takes `piece` bytes at a time with room for `room`.
std::string unpacked(Gunzip& gunzip, std::string_view input, std::size_t piece, std::size_t room) {
  std::string result;
  std::string out(room, '\0');
  while (!input.empty()) {
    const char* data = input.data();
    std::size_t size = std::min(piece, input.size());
    input.remove_prefix(size);
    Gunzip::Result what = Gunzip::Result::kFull;
    while (what == Gunzip::Result::kFull || size > 0) {
      std::size_t produced = 0;
      what = gunzip.run(data, size, out.data(), room, produced);
      EXPECT_LE(produced, room);
      result.append(out, 0, produced);
      if (what == Gunzip::Result::kBroken) return "broken";
    }
  }
  return result;
}

TEST(Gunzip, EveryByteComesWhateverThePieces) {
  std::string text(1'000'000, 'x');
  for (std::size_t i = 0; i < text.size(); i += 97) text[i] = static_cast<char>('a' + i % 26);
  std::string input = packed(text);
  Gunzip gunzip;
  EXPECT_FALSE(gunzip.active());
  for (std::size_t piece : {std::size_t{1}, std::size_t{1000}, input.size()}) {
    for (std::size_t room : {std::size_t{7}, std::size_t{16'384}, text.size(), text.size() + 1}) {
      ASSERT_TRUE(gunzip.start());
      EXPECT_EQ(unpacked(gunzip, input, piece, room) == text, true) << piece << " " << room;
    }
  }
}

TEST(Gunzip, NoMoreComesThanThereIsRoomFor) {
  std::string input = packed(std::string(10'000'000, ' '));
  Gunzip gunzip;
  ASSERT_TRUE(gunzip.start());
  const char* data = input.data();
  std::size_t size = input.size();
  std::size_t produced = 0;
  char out[100];
  EXPECT_EQ(gunzip.run(data, size, out, sizeof out, produced), Gunzip::Result::kFull);
  EXPECT_EQ(produced, sizeof out);
}

TEST(Gunzip, WhatIsNoGzipIsBrokenAndTheNextAnswerIsNot) {
  Gunzip gunzip;
  ASSERT_TRUE(gunzip.start());
  EXPECT_EQ(unpacked(gunzip, "{\"results\":[]}", 5, 100), "broken");
  std::string damaged = packed("some text");
  damaged[damaged.size() - 6] ^= 1;  // of the checksum
  ASSERT_TRUE(gunzip.start());
  EXPECT_EQ(unpacked(gunzip, damaged, 100, 100), "broken");
  ASSERT_TRUE(gunzip.start());
  EXPECT_EQ(unpacked(gunzip, packed("some text") + "padding", 3, 100), "some text");
}

}  // namespace
}  // namespace pendo
