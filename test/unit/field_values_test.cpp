// Encoding and merging the values of records.
#include "field_values.h"

#include <gtest/gtest.h>

#include "bulk_batch.h"

namespace pendo {
namespace {

const std::vector<BulkField> kFields = {{"custom", "plan", ColumnType::kText},
                                        {"agent", "role", ColumnType::kText},
                                        {"custom", "seats", ColumnType::kInt}};

class Encoding : public testing::Test {
 protected:
  std::unique_ptr<RecordEncoder> encoder(NullAs null_as, bool create = false) {
    Failure failure;
    return RecordEncoder::create(table_, kFields, {null_as, create}, failure);
  }

  // As JSON, "nothing", or why it is invalid.
  std::string encode(RecordEncoder& encoder, std::vector<Value> values, std::string_view id = "v") {
    return told(encoder, encoder.encode(id, values.data(), nullptr));
  }
  std::string changes(RecordEncoder& encoder, std::vector<Value> values, std::vector<Value> old_values) {
    return told(encoder, encoder.encode("v", values.data(), old_values.data()));
  }
  std::string told(RecordEncoder& encoder, RecordEncoder::Result result) {
    if (result == RecordEncoder::Result::kInvalid) return std::string(encoder.why());
    if (result == RecordEncoder::Result::kNothing) return "nothing";
    return values_json(table_, encoder.encoded());
  }

  FieldTable table_;
};

Value text(std::string_view t) { return Value::of_text(t); }
Value number(std::int64_t i) { return Value::of_int(i); }
TEST_F(Encoding, ValuesAreKeptByGroup) {
  auto e = encoder(NullAs::kNull);
  EXPECT_EQ(encode(*e, {text("gold \"x\""), text("admin"), number(5)}),
            R"({"custom":{"plan":"gold \"x\"","seats":5},"agent":{"role":"admin"}})");
}

TEST_F(Encoding, NullIsWhatTheOptionSays) {
  std::vector<Value> values = {Value::null(), text("a"), Value::null()};
  EXPECT_EQ(encode(*encoder(NullAs::kNull), values), R"({"custom":{"plan":null,"seats":null},"agent":{"role":"a"}})");
  EXPECT_EQ(encode(*encoder(NullAs::kEmpty), values), R"({"custom":{"plan":"","seats":""},"agent":{"role":"a"}})");
  EXPECT_EQ(encode(*encoder(NullAs::kSkip), values), R"({"agent":{"role":"a"}})");
  EXPECT_EQ(encode(*encoder(NullAs::kSkip), {Value::null(), Value::null(), Value::null()}), "nothing");
}

TEST_F(Encoding, WhatPendoCannotTakeIsInvalidAndShown) {
  auto e = encoder(NullAs::kNull);
  EXPECT_EQ(encode(*e, {text("a"), text("b"), number((1ll << 53) + 1)}), "seats: integer beyond 2^53: Pendo computes in floats");
  EXPECT_EQ(e->tried(), R"({"custom":{"plan":"a"},"agent":{"role":"b"}})");
  for (std::string_view id : {"", " v", "v\t", "_PENDO_T_1"}) EXPECT_NE(encode(*e, {text("a"), text("b"), number(1)}, id)[0], '{') << id;
}

TEST_F(Encoding, OnlyWhatDiffersIsEncoded) {
  auto e = encoder(NullAs::kNull);
  EXPECT_EQ(changes(*e, {text("a"), text("b"), number(1)}, {text("a"), text("b"), number(1)}), "nothing");
  EXPECT_EQ(changes(*e, {text("a"), text("b"), number(2)}, {text("a"), Value::null(), number(1)}),
            R"({"agent":{"role":"b"},"custom":{"seats":2}})");
  EXPECT_EQ(changes(*e, {Value::null(), Value::null(), Value::null()}, {Value::null(), text("x"), Value::null()}),
            R"({"agent":{"role":null}})");
}

// Written as "", it is read as "" in a text column and as NULL in others.
TEST_F(Encoding, EmptyForNullIsSentOnce) {
  auto e = encoder(NullAs::kEmpty);
  std::vector<Value> nulls = {Value::null(), Value::null(), Value::null()};
  EXPECT_EQ(changes(*e, nulls, nulls), R"({"custom":{"plan":""},"agent":{"role":""}})");
  EXPECT_EQ(changes(*e, nulls, {text(""), text(""), Value::null()}), "nothing");
}

TEST_F(Encoding, LaterValuesWin) {
  auto e = encoder(NullAs::kSkip);
  std::vector<Value> values = {text("a"), Value::null(), number(1)};
  e->encode("v", values.data(), nullptr);
  std::string earlier(e->encoded());
  values = {Value::null(), text("r"), number(2)};
  auto creating = encoder(NullAs::kSkip, true);
  creating->encode("v", values.data(), nullptr);
  std::string merged = merge_values(earlier, creating->encoded());
  EXPECT_EQ(values_json(table_, merged), R"({"custom":{"plan":"a","seats":2},"agent":{"role":"r"}})");
  EXPECT_TRUE(FieldValues(merged).create());
  EXPECT_FALSE(FieldValues(earlier).create());
}

// The bytes that a batch is measured by are never fewer than those that are sent.
TEST_F(Encoding, SizesBoundTheTexts) {
  auto e = encoder(NullAs::kNull);
  std::string long_text(300, 'x');
  std::vector<Value> values = {text(long_text), text("\"\\\n"), number(-12)};
  e->encode("id \"q\"", values.data(), nullptr);
  SeriesTable series(table_, "visitorId", "custom");
  auto sizes = series.sizes("id \"q\"", e->encoded());
  ASSERT_EQ(sizes.size(), 2u);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::string record;
    series.append_record(record, i, "id \"q\"", e->encoded());
    EXPECT_GE(sizes[i], static_cast<std::int64_t>(record.size()) + 1) << record;
    EXPECT_LE(sizes[i], static_cast<std::int64_t>(record.size()) + 4) << record;
  }
}

}  // namespace
}  // namespace pendo
