// Records wait in the order in which they came.
#include "record_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace pendo {
namespace {

TEST(RecordQueue, GivesThemInTheirOrder) {
  RecordQueue queue;
  EXPECT_TRUE(queue.empty());
  for (const char* record : {"{}", R"({"a":1})", R"({"a":"two"})"}) queue.push(record);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.last(), R"({"a":"two"})");
  EXPECT_EQ(queue.take(), "{}");
  EXPECT_EQ(queue.take(), R"({"a":1})");
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.last(), R"({"a":"two"})");
  EXPECT_EQ(queue.take(), R"({"a":"two"})");
  EXPECT_TRUE(queue.empty());
}

TEST(RecordQueue, TakesMoreWhileSomeAreTaken) {
  RecordQueue queue;
  queue.push("{1}");
  queue.push("{2}");
  EXPECT_EQ(queue.take(), "{1}");
  queue.push("{3}");
  EXPECT_EQ(queue.take(), "{2}");
  EXPECT_EQ(queue.take(), "{3}");
  EXPECT_TRUE(queue.empty());
}

TEST(RecordQueue, GivesItsMemoryBack) {
  RecordQueue queue;
  queue.push(std::string(1 << 20, ' '));
  EXPECT_GE(queue.memory(), 1u << 20);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_LT(queue.memory(), 100u);
  queue.push("{}");
  EXPECT_EQ(queue.take(), "{}");
}

}  // namespace
}  // namespace pendo
