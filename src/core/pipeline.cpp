// Pipelines, operator by operator.
#include "pipeline.h"

#include <algorithm>
#include <cmath>

#include "app_choice.h"
#include "json_write.h"

namespace pendo {
namespace {

// The body of one aggregation call, grown operator by operator.
class Pipeline {
 public:
  Pipeline() : text_(R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[)") {}

  void add(std::string_view name, std::string_view json) {
    if (!first_) text_ += ',';
    first_ = false;
    text_ += '{';
    append_json_string(text_, name);
    text_ += ':';
    text_ += json;
    text_ += '}';
  }

  void add_raw(std::string_view json) {
    if (!first_) text_ += ',';
    first_ = false;
    text_ += json;
  }

  void add_string(std::string_view name, std::string_view value) {
    std::string json;
    append_json_string(json, value);
    add(name, json);
  }

  std::string finish() && { return std::move(text_) + "]}}"; }

 private:
  std::string text_;
  bool first_ = true;
};

std::string selection(std::span<const std::string_view> paths) {
  std::string json = "{";
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (i > 0) json += ',';
    append_json_string(json, column_alias(i));
    json += ':';
    append_json_string(json, paths[i]);
  }
  return json + "}";
}

std::string call(std::string_view function, std::string_view argument) {
  return std::string(function) + "(" + std::string(argument) + ")";
}

// Where Pendo puts null when it sorts is not documented, so nulls get a rank.
std::string sort_parts(std::string_view path) {
  std::string is_number = call("isNumber", path);
  std::string json = "{";
  append_json_string(json, kSortRank);
  json += ':';
  append_json_string(json, "if(" + is_number + ", " + std::string(kRankOfNumbers) + ", 1)");
  json += ',';
  append_json_string(json, kSortValue);
  json += ':';
  append_json_string(json, "if(" + is_number + ", " + std::string(path) + ", 0)");
  return json + "}";
}

std::string sort_keys(const RecordsQuery& query) {
  std::string minus = query.order.descending ? "-" : "";
  std::string key(query.object->key_field);
  if (query.order.path.empty()) return "[\"" + minus + key + "\"]";
  return std::string("[\"") + (query.order.nulls_first ? "-" : "") + std::string(kSortRank) + "\",\"" + minus +
         std::string(kSortValue) + "\",\"" + key + "\"]";
}

// What stands beside a source's name.
std::string source_parameters(std::string_view app_id, std::span<const std::string> type_ids) {
  if (type_ids.empty()) return is_default_app(app_id) ? "null" : R"({"appId":)" + app_parameter(app_id) + "}";
  std::string json = R"({"trackTypeIds":[)";
  for (const auto& id : type_ids) {
    if (&id != &type_ids.front()) json += ',';
    append_json_string(json, id);
  }
  return json + "]}";
}

// Source and filters. Those on the key come first, as Pendo may have an index.
Pipeline wanted_rows(const RecordsQuery& query) {
  const ObjectDescriptor& object = *query.object;
  Pipeline pipeline;
  std::string source = "{";
  append_json_string(source, object.source);
  pipeline.add("source", source + ":" + source_parameters(query.app_id, {}) + "}");
  if (object.may_be_anonymous && !query.include_anonymous) pipeline.add_string("identified", object.key_field);
  bool by_key = query.order.path.empty();
  if (by_key && !query.position.empty()) pipeline.add_string("filter", query.position);
  if (!query.filter.empty()) pipeline.add_string("filter", query.filter);
  if (by_key) return pipeline;
  pipeline.add("eval", sort_parts(query.order.path));
  if (!query.position.empty()) pipeline.add_string("filter", query.position);
  return pipeline;
}

bool is_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  for (char c : name) {
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!ok) return false;
  }
  return true;
}

}  // namespace

std::string column_alias(std::size_t index) {
  std::string name;
  do {
    name.insert(name.begin(), static_cast<char>('a' + index % 26));
    index = index / 26;
  } while (index-- > 0);
  return name;
}

bool is_plain_path(std::string_view path) noexcept {
  for (;;) {
    auto dot = path.find('.');
    if (!is_name(path.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    path.remove_prefix(dot + 1);
  }
}

std::string text_comparison(std::string_view path, std::string_view op, std::string_view text) {
  std::string filter(path);
  filter += ' ';
  filter += op;
  filter += ' ';
  append_filter_string(filter, text);
  return filter;
}

std::string one_of_keys(std::string_view key_field, std::span<const std::string> keys) {
  std::string filter;
  for (const auto& key : keys) {
    if (!filter.empty()) filter += " || ";
    filter += text_comparison(key_field, "==", key);
  }
  return filter;
}

std::string records_pipeline(const RecordsQuery& query) {
  Pipeline pipeline = wanted_rows(query);
  if (query.limit > 0) {
    pipeline.add("sort", sort_keys(query));
    pipeline.add("limit", std::to_string(query.limit));
  }
  pipeline.add("select", selection(query.paths));
  return std::move(pipeline).finish();
}

std::string count_pipeline(const RecordsQuery& query) {
  Pipeline pipeline = wanted_rows(query);
  pipeline.add("count", "null");
  return std::move(pipeline).finish();
}

std::string counts_pipeline(const CountsQuery& query) {
  Pipeline pipeline;
  std::string source = "{";
  append_json_string(source, query.object->source);
  source += ":" + source_parameters(query.app_id, query.type_ids) + R"(,"timeSeries":{"period":)";
  append_json_string(source, query.period);
  source += R"(,"first":)" + std::string(query.first) + R"(,"last":)" + std::string(query.last) + "}}";
  pipeline.add("source", source);
  if (!query.filter.empty()) pipeline.add_string("filter", query.filter);
  pipeline.add("select", selection(query.paths));
  return std::move(pipeline).finish();
}

std::string sample_filter(const ObjectDescriptor& object, std::int64_t total, int wanted) {
  constexpr std::int64_t kParts = 10'000;
  // a bit more, for a hash that does not spread evenly
  double part = 1.2 * wanted / static_cast<double>(std::max<std::int64_t>(total, 1)) * kParts;
  if (part >= kParts) return {};
  auto parts = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(part)));
  return "hash(" + std::string(object.key_field) + ") % " + std::to_string(kParts) + " < " + std::to_string(parts);
}

}  // namespace pendo
