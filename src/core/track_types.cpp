// Reading the list of Track Types.
#include "track_types.h"

#include <cstring>

#include "app_choice.h"
#include "json_reader.h"

namespace pendo {
namespace {

bool is_of_apps(const JsonValue& type, std::string_view apps) {
  const JsonValue* app = member_of(type, "appId");
  if (is_default_app(apps) || !app || !app->IsInt64()) return true;
  return names_app(apps, std::to_string(app->GetInt64()));
}

}  // namespace

bool parse_track_types(std::string_view body, std::string_view apps, TrackTypeNames& names, std::string& reason) {
  if (!nested_within(body, kMaxNesting)) {
    reason = "it is nested too deep";
    return false;
  }
  Document document;
  bool whole = !body.empty() && !std::memchr(body.data(), 0, body.size());
  if (!whole || document.Parse<kDocumentFlags>(body.data(), body.size()).HasParseError() || !document.IsArray()) {
    reason = std::string("it ") + problem_of(document.GetParseError(), "is not a JSON array of track types");
    return false;
  }
  for (const auto& type : document.GetArray()) {
    if (!type.IsObject() || !is_of_apps(type, apps)) continue;
    const JsonValue* id = member_of(type, "id");
    const JsonValue* event = member_of(type, "trackTypeName");
    const JsonValue* name = event && event->IsString() ? event : member_of(type, "name");
    if (!id || !name) continue;
    if (text_problem(string_of(*id)) || text_problem(string_of(*name))) {
      reason = "a name in it is not text";
      return false;
    }
    names.insert_or_assign(std::string(string_of(*id)), std::string(string_of(*name)));
  }
  return true;
}

}  // namespace pendo
