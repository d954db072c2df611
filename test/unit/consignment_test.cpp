// Rows become records, results find their records.
#include "consignment.h"

#include <gtest/gtest.h>

#include <deque>

namespace pendo {
namespace {

// Takes a few records at a time, and answers as it is told.
class ToldWriter : public Writer {
 public:
  ToldWriter() : Writer(std::make_shared<Client>(Config{})) { tell_applied(); }

  Status add(std::string_view id, std::string_view encoded) noexcept override {
    if (room_ == 0) return Status::kWouldBlock;
    --room_;
    offered.emplace_back(std::string(id), std::string(encoded));
    return Status::kDone;
  }
  Status finish() noexcept override { return last; }
  void abandon() noexcept override {}
  std::int64_t under_way() const noexcept override { return 0; }

  void make_room(int records) { room_ = records; }
  void answer(std::string id, RecordResult::Kind kind, std::string message = {}) { tell({kind, std::move(id), {}, std::move(message)}); }

  std::deque<std::pair<std::string, std::string>> offered;
  Status last = Status::kDone;

 private:
  void wind_up_calls() noexcept override {}
  int room_ = 1000;
};

std::string row(std::string_view id, std::string_view field, std::string_view value) {
  FieldTable table;
  Failure failure;
  auto encoder = RecordEncoder::create(table, {{"custom", field, ColumnType::kText}}, {}, failure);
  Value values[] = {Value::of_text(value)};
  encoder->encode(id, values, nullptr);
  return store_record(table, id, encoder->encoded());
}

using State = Consignment::State;
using Kind = RecordResult::Kind;

TEST(Consignment, RowsOfOneIdAreOneRecordWithTheLaterValues) {
  Consignment consignment;
  EXPECT_EQ(consignment.add(row("a", "plan", "first")), 0);
  EXPECT_EQ(consignment.add(row("b", "plan", "other")), 1);
  EXPECT_EQ(consignment.add(row("a", "plan", "second")), 0);
  EXPECT_EQ(consignment.add(row("a", "seats", "5")), 0);
  ToldWriter writer;
  EXPECT_EQ(consignment.send(writer, false), Status::kDone);
  ASSERT_EQ(writer.offered.size(), 2u);
  EXPECT_EQ(writer.offered[0].first, "a");
  EXPECT_EQ(values_json(consignment.fields(), writer.offered[0].second), R"({"custom":{"plan":"second","seats":"5"}})");
}

TEST(Consignment, EventsNeverMerge) {
  Consignment consignment;
  EXPECT_EQ(consignment.add(store_event("same", "{}")), 0);
  EXPECT_EQ(consignment.add(store_event("same", "{}")), 1);
  ToldWriter writer;
  EXPECT_EQ(consignment.send(writer, false), Status::kDone);
  EXPECT_EQ(writer.offered.size(), 2u);
}

TEST(Consignment, DamagedRowsAreNoRecords) {
  Consignment consignment;
  EXPECT_EQ(consignment.add("nonsense"), Consignment::kDamaged);
  EXPECT_TRUE(consignment.records().empty());
}

TEST(Consignment, GoesOnWhereItWas) {
  Consignment consignment;
  for (const char* id : {"a", "b", "c"}) consignment.add(row(id, "plan", "x"));
  ToldWriter writer;
  writer.make_room(2);
  EXPECT_EQ(consignment.send(writer, false), Status::kWouldBlock);
  writer.answer("a", Kind::kApplied);
  writer.make_room(5);
  EXPECT_EQ(consignment.send(writer, false), Status::kDone);
  ASSERT_EQ(writer.offered.size(), 3u);
  EXPECT_EQ(writer.offered[2].first, "c");
  EXPECT_EQ(consignment.records()[0].state, State::kApplied);
  EXPECT_EQ(consignment.records()[1].state, State::kUnsent);
  EXPECT_EQ(consignment.settled(), 1);
}

TEST(Consignment, SendsNothingMoreWhenItIsToStop) {
  Consignment consignment;
  for (const char* id : {"a", "b"}) consignment.add(row(id, "plan", "x"));
  ToldWriter writer;
  writer.make_room(1);
  consignment.send(writer, false);
  writer.make_room(5);
  writer.last = Status::kWouldBlock;
  EXPECT_EQ(consignment.send(writer, true), Status::kWouldBlock);
  EXPECT_EQ(writer.offered.size(), 1u);
}

TEST(Consignment, EachResultIsOfItsRecord) {
  Consignment consignment;
  for (const char* id : {"a", "b", "c", "d"}) consignment.add(row(id, "plan", "x"));
  ToldWriter writer;
  consignment.send(writer, false);
  writer.answer("d", Kind::kUncertain, "lost");
  writer.answer("b", Kind::kMissing);
  writer.answer("c", Kind::kInvalid, "too bad");
  writer.answer("a", Kind::kApplied);
  writer.answer("nobody", Kind::kApplied);
  ASSERT_TRUE(consignment.take_results(writer));
  std::vector<State> states;
  for (const auto& record : consignment.records()) states.push_back(record.state);
  EXPECT_EQ(states, (std::vector<State>{State::kApplied, State::kMissing, State::kInvalid, State::kUncertain}));
  EXPECT_EQ(consignment.records()[2].message, "too bad");
}

TEST(Consignment, OfAlikeEventsEachHasAResult) {
  Consignment consignment;
  for (int i = 0; i < 3; ++i) consignment.add(store_event("same", "{}"));
  ToldWriter writer;
  consignment.send(writer, false);
  writer.answer("same", Kind::kApplied);
  writer.answer("same", Kind::kInvalid, "refused");
  consignment.take_results(writer);
  EXPECT_EQ(consignment.records()[0].state, State::kApplied);
  EXPECT_EQ(consignment.records()[1].state, State::kInvalid);
  EXPECT_EQ(consignment.records()[2].state, State::kUnsent);
}

TEST(Consignment, WhatIsHeldBackIsNotSentAndTakesNoResult) {
  Consignment consignment;
  for (int i = 0; i < 2; ++i) consignment.add(store_event("same", "{}"));
  ASSERT_TRUE(consignment.hold_back(0, "was under way"));
  ToldWriter writer;
  consignment.send(writer, false);
  ASSERT_EQ(writer.offered.size(), 1u);
  writer.answer("same", Kind::kApplied);
  consignment.take_results(writer);
  EXPECT_EQ(consignment.records()[0].state, State::kUncertain);
  EXPECT_EQ(consignment.records()[1].state, State::kApplied);
}

TEST(Consignment, RecordsWithARefusedFieldAreInvalid) {
  Consignment consignment;
  consignment.add(row("a", "plan", "x"));
  consignment.add(row("b", "strange", "y"));
  ASSERT_TRUE(consignment.refuse_field(1, "Pendo has no such field"));
  ToldWriter writer;
  consignment.send(writer, false);
  ASSERT_EQ(writer.offered.size(), 1u);
  EXPECT_EQ(writer.offered[0].first, "a");
  EXPECT_EQ(consignment.records()[1].state, State::kInvalid);
  EXPECT_EQ(consignment.records()[1].values, R"({"custom":{"strange":"y"}})");
}

}  // namespace
}  // namespace pendo
