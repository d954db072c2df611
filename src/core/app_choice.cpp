// From the option's text to parameters.
#include "app_choice.h"

#include "json_text.h"

namespace pendo {
namespace {

constexpr std::string_view kDefault = "default";
constexpr std::string_view kAll = "*";
constexpr std::size_t kMaxDigits = 18;

std::string_view without_blanks(std::string_view text) { return trimmed(text, " "); }

// The first id of the list, which is cut off.
std::string_view take_id(std::string_view& list) {
  auto comma = list.find(',');
  std::string_view id = without_blanks(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return id;
}

bool is_id(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || text.size() > kMaxDigits || text.front() == '0') return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_list(std::string_view choice) { return choice.find(',') != std::string_view::npos; }

}  // namespace

const char* app_choice_problem(std::string_view choice) noexcept {
  if (without_blanks(choice).empty()) return "it is empty";
  if (is_default_app(choice) || without_blanks(choice) == kAll) return nullptr;
  if (without_blanks(choice).ends_with(',')) return "it ends in a comma";
  for (std::string_view rest = choice; !rest.empty();) {
    if (!is_id(take_id(rest))) return "an id of an app is a whole number other than 0";
  }
  return nullptr;
}

bool is_default_app(std::string_view choice) noexcept { return choice.empty() || without_blanks(choice) == kDefault; }

bool names_app(std::string_view choice, std::string_view id) noexcept {
  if (is_default_app(choice)) return false;
  if (without_blanks(choice) == kAll) return true;
  for (std::string_view rest = choice; !rest.empty();) {
    if (take_id(rest) == id) return true;
  }
  return false;
}

std::string app_parameter(std::string_view choice) {
  if (without_blanks(choice) == kAll) return R"x("expandAppIds(\"*\")")x";
  std::string json;
  for (std::string_view rest = choice; !rest.empty();) {
    if (!json.empty()) json += ',';
    json += take_id(rest);
  }
  return is_list(choice) ? "[" + json + "]" : json;
}

std::string track_types_path(std::string_view choice) {
  std::string path = "/api/v1/tracktype";
  if (is_default_app(choice)) return path;
  bool one = without_blanks(choice) != kAll && !is_list(choice);
  return path + (one ? "?appId=" + std::string(without_blanks(choice)) : "?expand=*");
}

}  // namespace pendo
