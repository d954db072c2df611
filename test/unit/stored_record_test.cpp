// What the outbox stores can be read by another session, and by nobody wrongly.
#include "stored_record.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

const std::vector<BulkField> kFields = {{"custom", "plan", ColumnType::kText},
                                        {"agent", "role", ColumnType::kText},
                                        {"custom", "seats", ColumnType::kInt}};

std::string stored(std::string_view id, const std::vector<Value>& values, bool create = false) {
  FieldTable table;
  Failure failure;
  std::vector<BulkField> fields(kFields.begin(), kFields.begin() + static_cast<std::ptrdiff_t>(values.size()));
  auto encoder = RecordEncoder::create(table, fields, {NullAs::kNull, create}, failure);
  EXPECT_EQ(encoder->encode(id, values.data(), nullptr), RecordEncoder::Result::kEncoded);
  return store_record(table, id, encoder->encoded());
}

// As JSON with the id before it, by a table that knows other fields first.
std::string read(std::string_view bytes) {
  FieldTable table;
  table.number_of({"custom", "other", ColumnType::kText});
  StoredRecord record;
  if (!read_stored(bytes, table, record)) return "damaged";
  if (record.is_event) return record.id + " " + record.encoded;
  return record.id + (FieldValues(record.encoded).create() ? " create " : " ") + values_json(table, record.encoded);
}

const std::string kOdd = std::string("a\0\"\n", 4) + "\xf0\x9f\x98\x80" + std::string(300, 'x');

TEST(StoredRecord, ComesBackAsItWas) {
  EXPECT_EQ(read(stored("v1", {Value::of_text("gold \"x\""), Value::null(), Value::of_int(7)})),
            R"(v1 {"custom":{"plan":"gold \"x\"","seats":7},"agent":{"role":null}})");
  EXPECT_EQ(read(stored("v1", {Value::of_text("a")}, true)), R"(v1 create {"custom":{"plan":"a"}})");
  EXPECT_EQ(read(store_event(kOdd, "app\n{}")), kOdd + " app\n{}");
}

TEST(StoredRecord, KeepsTheTypesOfFields) {
  FieldTable table;
  StoredRecord record;
  ASSERT_TRUE(read_stored(stored("v", {Value::of_text("a"), Value::of_text("b"), Value::of_int(1)}), table, record));
  ASSERT_EQ(table.fields().size(), 3u);
  EXPECT_EQ(table.fields()[2].type, ColumnType::kInt);
}

// Cut off anywhere but between two fields, it is no record.
TEST(StoredRecord, WhatIsCutOffIsDamaged) {
  std::string whole = stored("v1", {Value::of_text("gold"), Value::of_text("admin")});
  std::string first_only = stored("v1", {Value::of_text("gold")});
  std::string no_field = first_only.substr(0, 1 + 4 + 2 + 1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (size == first_only.size() || size == no_field.size()) continue;
    EXPECT_EQ(read(std::string_view(whole).substr(0, size)), "damaged") << size;
  }
  EXPECT_EQ(read(""), "damaged");
  EXPECT_EQ(read("x" + whole.substr(1)), "damaged");
  std::string bad_type = whole;
  bad_type[no_field.size()] = '\x7f';
  EXPECT_EQ(read(bad_type), "damaged");
  EXPECT_EQ(read("e\x05"), "damaged");
}

TEST(StoredRecord, AnEarlierOneKeepsWhatIsNotSetAgain) {
  std::string both = stored("v", {Value::of_text("old"), Value::of_text("admin")});
  std::string plan = stored("v", {Value::of_text("new")});
  EXPECT_EQ(read(without_fields_of(both, plan, true)), R"(v {"agent":{"role":"admin"}})");
  EXPECT_EQ(without_fields_of(plan, both, false), "");
  EXPECT_EQ(without_fields_of(both, both, true), "");
  EXPECT_EQ(without_fields_of(both, "damaged", true), "");
}

TEST(StoredRecord, AnEarlierOneThatMayCreateIsNotReplacedByOneThatDidNotFindIt) {
  std::string creating = stored("v", {Value::of_text("old")}, true);
  std::string plain = stored("v", {Value::of_text("new")});
  EXPECT_EQ(without_fields_of(creating, plain, false), creating);
  EXPECT_EQ(without_fields_of(creating, plain, true), "");
  EXPECT_EQ(without_fields_of(creating, creating, false), "");
}

}  // namespace
}  // namespace pendo
