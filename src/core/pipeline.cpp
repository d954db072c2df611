// Pipelines, operator by operator.
#include "pipeline.h"

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

std::string comparison(std::string_view field, std::string_view op, std::string_view value) {
  std::string text(field);
  text += ' ';
  text += op;
  text += ' ';
  append_filter_string(text, value);
  return text;
}

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

std::string records_pipeline(const RecordsQuery& query) {
  const ObjectDescriptor& object = *query.object;
  Pipeline pipeline;
  std::string source = "{";
  append_json_string(source, object.source);
  pipeline.add("source", source + ":null}");
  if (object.may_be_anonymous && !query.include_anonymous) {
    pipeline.add_string("identified", object.key_field);
  }
  if (!query.equal_key.empty()) {
    pipeline.add_string("filter", comparison(object.key_field, "==", query.equal_key));
  }
  if (!query.after_key.empty()) {
    pipeline.add_string("filter", comparison(object.key_field, ">", query.after_key));
  }
  if (query.limit > 0) {
    std::string keys = "[";
    append_json_string(keys, object.key_field);
    pipeline.add("sort", keys + "]");
    pipeline.add("limit", std::to_string(query.limit));
  }
  pipeline.add("select", selection(query.paths));
  return std::move(pipeline).finish();
}

std::string counts_pipeline(const CountsQuery& query) {
  Pipeline pipeline;
  std::string source = R"({"source":{)";
  append_json_string(source, query.object->source);
  source += R"(:null,"timeSeries":{"period":"dayRange","first":)" + std::to_string(query.first_ms) +
            R"(,"last":)" + std::to_string(query.last_ms) + "}}}";
  pipeline.add_raw(source);
  pipeline.add("select", selection(query.paths));
  return std::move(pipeline).finish();
}

}  // namespace pendo
