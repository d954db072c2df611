// Pendo: {"total":2,"updated":1,"failed":1,"missing":["id"],"errors":[...]},
// total = updated + failed, failed = missing + errors. What an element of
// `errors` looks like is not documented, so any shape is taken.
#include "bulk_reply.h"

#include <algorithm>

#include "json_reader.h"

namespace pendo {
namespace {

constexpr std::int64_t kMaxCount = 1'000'000'000;
constexpr std::size_t kMaxTextBytes = 500;
constexpr std::string_view kIdKeys[] = {"visitorId", "accountId", "id"};

std::string json_of(const JsonValue& value) {
  JsonBuffer buffer;
  JsonWriter writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string text_of(const JsonValue& value) {
  return value.IsString() ? std::string(string_of(value)) : json_of(value);
}

bool take_count(const JsonValue& reply, std::string_view key, std::int64_t& count, std::string& reason) {
  const JsonValue* value = member_of(reply, key);
  if (!value || value->IsNull()) return true;
  if (!value->IsInt64() || value->GetInt64() < 0 || value->GetInt64() > kMaxCount) {
    reason = "its \"" + std::string(key) + "\" is not a count";
    return false;
  }
  count = value->GetInt64();
  return true;
}

std::string id_in(const JsonValue& element) {
  if (!element.IsObject()) return {};
  for (auto key : kIdKeys) {
    const JsonValue* id = member_of(element, key);
    if (id && (id->IsString() || id->IsNumber())) return text_of(*id);
  }
  return {};
}

BulkReply::Error error_of(const JsonValue& element) {
  std::string text = text_of(element);
  text.resize(cut_utf8(text, kMaxTextBytes).size());
  return {id_in(element), std::move(text)};
}

bool take_missing(const JsonValue& list, BulkReply& reply, std::string& reason) {
  bool good = list.IsArray();
  for (rapidjson::SizeType i = 0; good && i < list.Size(); ++i) {
    const JsonValue& element = list[i];
    bool is_id = element.IsString() || element.IsNumber();
    std::string id = is_id ? text_of(element) : id_in(element);
    good = is_id || !id.empty();
    reply.missing.push_back(std::move(id));
  }
  if (!good) reason = "its \"missing\" is not a list of ids";
  return good;
}

void take_errors(const JsonValue& errors, BulkReply& reply) {
  if (!errors.IsArray()) {
    reply.errors.push_back(error_of(errors));
    return;
  }
  for (const auto& element : errors.GetArray()) reply.errors.push_back(error_of(element));
}

bool take_lists(const JsonValue& document, BulkReply& reply, std::string& reason) {
  const JsonValue* missing = member_of(document, "missing");
  const JsonValue* errors = member_of(document, "errors");
  bool has_missing = missing && !missing->IsNull();
  bool has_errors = errors && !errors->IsNull();
  reply.lists_failures = has_missing || has_errors;
  if (has_missing && !take_missing(*missing, reply, reason)) return false;
  if (has_errors) take_errors(*errors, reply);
  return true;
}

bool parse(std::string_view body, BulkReply& reply, std::string& reason) {
  Document document;
  if (!parse_object(body, document, reason)) return false;
  bool counted = take_count(document, "total", reply.total, reason) &&
                 take_count(document, "updated", reply.updated, reason) &&
                 take_count(document, "failed", reply.failed, reason);
  if (!counted || !take_lists(document, reply, reason)) return false;
  if (reply.total >= 0 || reply.updated >= 0 || reply.failed >= 0) return true;
  reason = "it has no counts";
  return false;
}

}  // namespace

std::int64_t BulkReply::failed_records() const noexcept {
  if (failed >= 0) return failed;
  if (total >= 0 && updated >= 0) return total - updated;
  return static_cast<std::int64_t>(missing.size() + errors.size());
}

bool BulkReply::consistent(std::size_t sent) const noexcept {
  if (total < 0 && updated < 0) return false;
  auto all = static_cast<std::int64_t>(sent);
  std::int64_t not_taken = failed_records();
  if (total >= 0 && total != all) return false;
  if (updated >= 0 && updated + not_taken != all) return false;
  if (not_taken < 0 || not_taken > all) return false;
  return !lists_failures || static_cast<std::int64_t>(missing.size() + errors.size()) == not_taken;
}

bool BulkReply::names_only(const IdSet& sent) const {
  IdSet seen;
  for (const auto& id : missing) {
    if (!sent.contains(id) || !seen.insert(id).second) return false;
  }
  auto known = [&](const Error& error) { return error.id.empty() || sent.contains(error.id); };
  return std::all_of(errors.begin(), errors.end(), known);
}

bool parse_bulk_reply(std::string_view body, BulkReply& reply, std::string& reason) noexcept try {
  reply = {};
  return parse(body, reply, reason);
} catch (const std::bad_alloc&) {
  reason = "out of memory";
  return false;
}

}  // namespace pendo
