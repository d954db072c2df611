// The schema of metadata fields as Pendo answers it, and what is not one.
#include "metadata_schema.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

std::string failure_of(std::string_view body) {
  std::vector<SchemaField> fields(1);
  std::string reason;
  EXPECT_FALSE(parse_schema(body, fields, reason)) << body;
  EXPECT_EQ(fields.size(), 1u) << "a failure appends nothing";
  return reason;
}

std::vector<SchemaField> fields_of(std::string_view body) {
  std::vector<SchemaField> fields;
  std::string reason;
  EXPECT_TRUE(parse_schema(body, fields, reason)) << reason;
  return fields;
}

TEST(MetadataSchema, KeepsTheOrderOfTheDocument) {
  auto fields = fields_of(R"({"custom":{"plan":{"Type":"string"},"age":{"Type":"integer"}},"auto":{"id":{"Type":"string"}}})");
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0].group + "." + fields[0].field, "custom.plan");
  EXPECT_EQ(fields[1].group + "." + fields[1].field, "custom.age");
  EXPECT_EQ(fields[2].group + "." + fields[2].field, "auto.id");
}

TEST(MetadataSchema, ReadsADescriptor) {
  auto fields = fields_of(
      R"({"auto":{"accountids":{"Type":"list","DisplayName":"Account Ids","ElementType":"string","ElementFormat":"",)"
      R"("Dirty":false,"isHidden":true,"isDeleted":true,"isCalculated":false,"isPerApp":true,"isPromoted":false,)"
      R"("neverIndex":false,"sample":["a",{"b":[1]}]}}})");
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].type, "list");
  EXPECT_EQ(fields[0].element_type, "string");
  EXPECT_EQ(fields[0].display_name, "Account Ids");
  EXPECT_TRUE(fields[0].hidden);
  EXPECT_TRUE(fields[0].deleted);
  EXPECT_TRUE(fields[0].per_app);
}

TEST(MetadataSchema, MissesNothingThatADescriptorLacks) {
  auto fields = fields_of(R"({"agent":{"a":{},"b":{"Type":null,"DisplayName":5,"isHidden":"yes","isDeleted":0}}})");
  ASSERT_EQ(fields.size(), 2u);
  for (const auto& field : fields) {
    EXPECT_EQ(field.type + field.element_type + field.display_name, "");
    EXPECT_FALSE(field.hidden || field.deleted || field.per_app);
  }
}

TEST(MetadataSchema, TakesASubscriptionWithoutFields) {
  EXPECT_TRUE(fields_of("{}").empty());
  EXPECT_TRUE(fields_of(R"({"custom":{}})").empty());
}

TEST(MetadataSchema, AppendsToWhatIsThere) {
  std::vector<SchemaField> fields(2);
  std::string reason;
  ASSERT_TRUE(parse_schema(R"({"a":{"b":{}}})", fields, reason));
  EXPECT_EQ(fields.size(), 3u);
}

TEST(MetadataSchema, TakesTheLastOfWhatIsRepeated) {
  auto fields = fields_of(R"({"custom":{"a":{"Type":"string","Type":"list"},"b":{"Type":"time"},"a":{"Type":"integer"}},"agent":{"a":{}}})");
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0].field + " " + fields[0].type, "a integer");
  EXPECT_EQ(fields[1].field + " " + fields[1].type, "b time");
  EXPECT_EQ(fields[2].group, "agent");
  EXPECT_EQ(fields_of(R"({"custom":{"a":{"Type":"string","isHidden":true,"Type":"list"}}})")[0].type, "list");
}

TEST(MetadataSchema, JoinsGroupsOfOneName) {
  auto fields = fields_of(R"({"custom":{"a":{"Type":"string"},"b":{"isDeleted":true}},"agent":{},"custom":{"b":{},"c":{}}})");
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0].field, "a");
  EXPECT_EQ(fields[1].field, "b");
  EXPECT_FALSE(fields[1].deleted);
  EXPECT_EQ(fields[2].field, "c");
}

TEST(MetadataSchema, RefusesWhatIsNoSchema) {
  const struct {
    std::string body;
    const char* reason;
  } kCases[] = {
      {"", "it is not JSON"},
      {"<html>", "it is not JSON"},
      {R"({"a":{"b":{}})", "it is not JSON"},
      {R"({"a":{}}x)", "it is not JSON"},
      {std::string("{}\0", 3), "it is not JSON"},
      {"{\"a\":{\"\xff\":{}}}", "it is not valid UTF-8"},
      {"[]", "it is not a JSON object"},
      {"null", "it is not a JSON object"},
      {R"({"error":"no"})", "a group in it is not an object"},
      {R"({"custom":[]})", "a group in it is not an object"},
      {R"({"custom":{"a":"string"}})", "a field in it is not an object"},
      {R"({"custom":{"a":null}})", "a field in it is not an object"},
      {R"({"custom":{"":{}}})", "a name in it is empty"},
      {R"({"custom":{"a\u0000b":{}}})", "a name in it is not text"},
      {R"({"custom":{"\udc00":{}}})", "a name in it is not text"},
      {R"({"custom":{")" + std::string(1001, 'x') + R"(":{}}})", "a name in it is too long"},
      {"{\"a\":" + std::string(100'000, '['), "it is nested too deep"},
  };
  for (const auto& c : kCases) EXPECT_EQ(failure_of(c.body), c.reason) << c.body.substr(0, 80);
}

TEST(MetadataSchema, TakesNamesAndCountsUpToTheLimits) {
  EXPECT_EQ(fields_of(R"({"custom":{")" + std::string(1000, 'x') + R"(":{}}})").size(), 1u);
  auto of_size = [](int count) {
    std::string body = R"({"custom":{)";
    for (int i = 0; i < count; ++i) body += (i > 0 ? ",\"f" : "\"f") + std::to_string(i) + "\":{}";
    return body + "}}";
  };
  EXPECT_EQ(fields_of(of_size(100'000)).size(), 100'000u);
  EXPECT_EQ(failure_of(of_size(100'001)), "it has too many fields");
}

}  // namespace
}  // namespace pendo
