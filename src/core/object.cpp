// The table of objects.
#include "object.h"

namespace pendo {
namespace {

constexpr StandardColumn kVisitorColumns[] = {
    {"visitor_id", "visitorId", ColumnType::kText},
    {"account_id", "metadata.auto.accountid", ColumnType::kText},
    {"account_ids", "metadata.auto.accountids", ColumnType::kJson},
    {"metadata", "metadata", ColumnType::kJson},
};

constexpr StandardColumn kAccountColumns[] = {
    {"account_id", "accountId", ColumnType::kText},
    {"metadata", "metadata", ColumnType::kJson},
};

constexpr StandardColumn kTrackEventColumns[] = {
    {"visitor_id", "visitorId", ColumnType::kText},
    {"account_id", "accountId", ColumnType::kText},
    {"event", "event", ColumnType::kText},
    {"occurred_at", "timestamp", ColumnType::kTime},
    {"properties", "properties", ColumnType::kJson},
    {"ip", "context.ip", ColumnType::kText},
    {"user_agent", "context.userAgent", ColumnType::kText},
    {"url", "context.url", ColumnType::kText},
    {"title", "context.title", ColumnType::kText},
    {"event_key", "eventKey", ColumnType::kText},
    {"app", "app", ColumnType::kText},
};

// Pendo: rows of the trackEvents source, grouped by visitor, account, app, type
// and period; the event's name comes from the trackTypes source.
constexpr StandardColumn kTrackEventCountColumns[] = {
    {"event", "event", ColumnType::kText},
    {"track_type_id", "trackTypeId", ColumnType::kText},
    {"visitor_id", "visitorId", ColumnType::kText},
    {"account_id", "accountId", ColumnType::kText},
    {"app_id", "appId", ColumnType::kText},
    {"period_start", "day", ColumnType::kTime},
    {"first_time", "firstTime", ColumnType::kTime},
    {"last_time", "lastTime", ColumnType::kTime},
    {"num_events", "numEvents", ColumnType::kInt},
    {"num_minutes", "numMinutes", ColumnType::kInt},
    {"remote_ip", "remoteIp", ColumnType::kText},
    {"server", "server", ColumnType::kText},
    {"user_agent", "userAgent", ColumnType::kText},
    {"tab_id", "tabId", ColumnType::kText},
    {"country", "country", ColumnType::kText},
    {"region", "region", ColumnType::kText},
    {"latitude", "latitude", ColumnType::kFloat},
    {"longitude", "longitude", ColumnType::kFloat},
    {"analytics_session_id", "analyticsSessionId", ColumnType::kText},
    {"recording_id", "recordingId", ColumnType::kText},
    {"recording_session_id", "recordingSessionId", ColumnType::kText},
    {"properties", "properties", ColumnType::kJson},
};

// The default web app of every subscription has id -323232, hence its group.
constexpr UnlistedField kVisitorUnlisted[] = {
    {"auto", "lastupdated", ColumnType::kTime},
    {"auto", "idhash", ColumnType::kInt},
    {"auto", "nid", ColumnType::kInt},
    {"auto", "lastuseragent", ColumnType::kText},
    {"auto__323232", "firstvisit", ColumnType::kTime},
    {"auto__323232", "lastvisit", ColumnType::kTime},
    {"auto__323232", "lastupdated", ColumnType::kTime},
    {"auto__323232", "lastmetadataupdate_agent", ColumnType::kTime},
};

constexpr UnlistedField kAccountUnlisted[] = {
    {"auto", "lastupdated", ColumnType::kTime},
    {"auto", "idhash", ColumnType::kInt},
    {"auto", "nid", ColumnType::kInt},
    {"auto__323232", "firstvisit", ColumnType::kTime},
    {"auto__323232", "lastvisit", ColumnType::kTime},
    {"auto__323232", "lastupdated", ColumnType::kTime},
    {"auto__323232", "lastmetadataupdate_agent", ColumnType::kTime},
};

// Pendo: "Set Value for an Agent or Custom Field"; other groups belong to
// integrations and to Pendo itself.
constexpr std::string_view kWritableGroups[] = {"agent", "custom"};

constexpr ObjectDescriptor kObjects[] = {
    {.name = "visitors", .kind = "visitor", .source = "visitors", .key_column = "visitor_id",
     .key_field = "visitorId", .record_path = "/api/v1/visitor/", .read = ReadCall::kRecords,
     .write = WriteCall::kBulkMetadata, .may_be_anonymous = true, .columns = kVisitorColumns,
     .unlisted = kVisitorUnlisted, .writable_groups = kWritableGroups},
    {.name = "accounts", .kind = "account", .source = "accounts", .key_column = "account_id",
     .key_field = "accountId", .record_path = "/api/v1/account/", .read = ReadCall::kRecords,
     .write = WriteCall::kBulkMetadata, .may_be_anonymous = false, .columns = kAccountColumns,
     .unlisted = kAccountUnlisted, .writable_groups = kWritableGroups},
    {.name = "track_events", .kind = {}, .source = {}, .key_column = {}, .key_field = {},
     .record_path = {}, .read = ReadCall::kNone, .write = WriteCall::kTrackEvent,
     .may_be_anonymous = false, .columns = kTrackEventColumns, .unlisted = {},
     .writable_groups = {}},
    {.name = "track_event_counts", .kind = {}, .source = "trackEvents", .key_column = {},
     .key_field = {}, .record_path = {}, .read = ReadCall::kEventCounts,
     .write = WriteCall::kNone, .may_be_anonymous = false,
     .columns = kTrackEventCountColumns, .unlisted = {}, .writable_groups = {}},
};

}  // namespace

std::span<const ObjectDescriptor> all_objects() noexcept { return kObjects; }

const ObjectDescriptor* find_object(std::string_view name) noexcept {
  for (const auto& object : kObjects) {
    if (object.name == name) return &object;
  }
  return nullptr;
}

const StandardColumn* find_standard_column(const ObjectDescriptor& object,
                                           std::string_view name) noexcept {
  for (const auto& column : object.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool is_writable_group(const ObjectDescriptor& object, std::string_view group) noexcept {
  for (auto writable : object.writable_groups) {
    if (writable == group) return true;
  }
  return false;
}

ColumnType column_type_of_field(std::string_view schema_type) noexcept {
  if (schema_type == "string") return ColumnType::kText;
  if (schema_type == "boolean") return ColumnType::kBool;
  if (schema_type == "integer") return ColumnType::kInt;
  if (schema_type == "float" || schema_type == "number") return ColumnType::kFloat;
  if (schema_type == "time") return ColumnType::kTime;
  return ColumnType::kJson;
}

}  // namespace pendo
