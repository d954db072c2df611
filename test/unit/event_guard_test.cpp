// What EventGuard finds doubtful: Pendo's help pages, and each border from both sides.
#include "event_guard.h"

#include <gtest/gtest.h>

#include <string>

using pendo::EventGuard;
using pendo::TrackEvent;
using pendo::Value;

namespace {

constexpr std::int64_t kNow = 1'750'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

std::string found(const TrackEvent& event) {
  EventGuard guard;
  if (guard.look_at(event, kNow) == EventGuard::Result::kFine) return "fine";
  EXPECT_FALSE(guard.advice().empty());
  return std::string(guard.column()) + ": " + std::string(guard.why());
}

std::string found_at(std::int64_t at) {
  TrackEvent event;
  event.occurred_at = Value::of_time(at);
  return found(event);
}

std::string found_with(const std::string& properties) {
  TrackEvent event;
  event.properties = Value::of_json(properties);
  return found(event);
}

std::string object_of(int count) {
  std::string json = "{";
  for (int i = 0; i < count; ++i) json += (i ? ",\"p" : "\"p") + std::to_string(i) + "\":1";
  return json + "}";
}

}  // namespace

TEST(EventGuard, Times) {
  EXPECT_EQ(found_at(kNow), "fine");
  EXPECT_EQ(found_at(kNow - 7 * kDay), "fine");
  EXPECT_EQ(found_at(kNow - 7 * kDay - 1), "occurred_at: it is more than 7 days ago, and Pendo may not process it");
  EXPECT_EQ(found_at(kNow + 300 * kSecond), "fine");
  EXPECT_EQ(found_at(kNow + 300 * kSecond + 1), "occurred_at: it is in the future");
  EXPECT_EQ(found(TrackEvent()), "fine") << "without occurred_at it is of now";
}

TEST(EventGuard, NumberOfProperties) {
  EXPECT_EQ(found_with("{}"), "fine");
  EXPECT_EQ(found_with(object_of(20)), "fine");
  EXPECT_EQ(found_with(object_of(21)), "properties: it has 21 properties, more than 20");
}

TEST(EventGuard, SizeOfProperties) {
  EXPECT_EQ(found_with("{\"a\": \"" + std::string(504, 'x') + "\"}"), "fine") << "512 bytes, without the blank";
  EXPECT_EQ(found_with("{\"a\":\"" + std::string(505, 'x') + "\"}"),
            "properties: it has 513 bytes as JSON, more than 512, and Pendo does not show it");
  EXPECT_EQ(found_with("{\"a\":\"" + std::string(168, '\xE2') + "\"}"), "fine") << "not UTF-8: the encoder refuses it";
}

TEST(EventGuard, NamesOfProperties) {
  for (const char* name : {"a", "_a", "A1_b", "abcdefghijklmnopqrstuvwxyz_01234", "__a", "a__", "___"}) {
    EXPECT_EQ(found_with("{\"" + std::string(name) + "\":1}"), "fine") << name;
  }
  for (const char* name : {"", "1a", "a b", "a-b", "a.b", "\xC3\xA4", "abcdefghijklmnopqrstuvwxyz_012345", "__sg__", "____"}) {
    EXPECT_EQ(found_with("{\"" + std::string(name) + "\":1}"),
              "properties: Pendo does not show a property of the name \"" + std::string(name) + "\"") << name;
  }
  EXPECT_EQ(found_with("{\"a\":{\"b c\":1}}"), "fine") << "names further in are not properties";
}
