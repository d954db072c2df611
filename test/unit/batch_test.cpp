// The records of one bulk call.
#include "batch.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

TEST(Batch, TheLaterOfTwoRecordsOfAnIdIsSentInThePlaceOfTheFirst) {
  Batch batch;
  EXPECT_FALSE(batch.put("a", "{1}"));
  EXPECT_FALSE(batch.put("b", "{2}"));
  EXPECT_TRUE(batch.put("a", "{333}"));
  EXPECT_EQ(batch.body(), "[{333},{2}]");
  EXPECT_EQ(batch.size(), 2u);
}

TEST(Batch, BytesBoundTheBody) {
  Batch batch;
  for (int i = 0; i < 100; ++i) {
    batch.put("id" + std::to_string(i % 60), std::string(static_cast<std::size_t>(i) + 1, 'x'));
    EXPECT_LE(static_cast<std::int64_t>(batch.body().size()), batch.bytes());
    EXPECT_LE(batch.bytes() - static_cast<std::int64_t>(batch.body().size()), 1);
  }
}

TEST(Batch, DroppedRecordsAreStillKnown) {
  Batch batch;
  batch.put("a", "{}");
  batch.drop_records();
  EXPECT_TRUE(batch.holds("a"));
  EXPECT_EQ(batch.count(), 1u);
  EXPECT_FALSE(batch.holds("b"));
}

}  // namespace
}  // namespace pendo
