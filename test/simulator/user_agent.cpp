// useragent: the text of a browser as an object of name, version and os.
#include "operators.h"

namespace simulator {
namespace {

struct Mark {
  std::string_view text;
  std::string_view name;
};

// The first that occurs is the one: Chrome calls itself Safari too.
constexpr Mark kBrowsers[] = {
    {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
};
constexpr Mark kSystems[] = {
    {"Android", "Android"}, {"iPhone", "iOS"},      {"iPad", "iOS"},
    {"Windows", "Windows"}, {"Mac OS X", "Mac OS X"}, {"Linux", "Linux"},
};

// As lastbrowserversion has it: 63.0.3239 of Chrome/63.0.3239.132.
std::string_view version_at(std::string_view text) {
  std::size_t length = 0;
  int dots = 0;
  for (; length < text.size(); ++length) {
    if (text[length] == '.' && ++dots == 3) break;
    if (text[length] != '.' && (text[length] < '0' || text[length] > '9')) break;
  }
  return text.substr(0, length);
}

Value parse_user_agent(std::string_view text) {
  Value out = Object{{"name", ""}, {"os", ""}, {"version", ""}};
  for (const auto& [mark, name] : kBrowsers) {
    auto at = text.find(mark);
    if (at == std::string_view::npos) continue;
    out.set("name", name);
    out.set("version", version_at(text.substr(at + mark.size())));
    break;
  }
  for (const auto& [mark, name] : kSystems) {
    if (text.find(mark) == std::string_view::npos) continue;
    out.set("os", name);
    break;
  }
  return out;
}

class UserAgent : public Stage {
 public:
  UserAgent(const Value& argument, const PipelineContext&) {
    for (const auto& member : argument.is_object() ? argument.object() : Object{}) {
      if (member.value.is_string()) fields_.emplace_back(member.name, member.value.string());
    }
    if (fields_.empty()) throw PipelineError(400, "useragent needs a field");
  }
  bool push(Row row) override {
    for (const auto& [out, in] : fields_) {
      const Value* text = find_path(row.value, in);
      Value parsed = parse_user_agent(text && text->is_string() ? text->string() : std::string());
      set_path(row.value, out, std::move(parsed));
    }
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override {
    for (const auto& [out, in] : fields_) projection.add(split_path(in));
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace

StagePtr make_user_agent(const Value& a, const PipelineContext& c) { return std::make_unique<UserAgent>(a, c); }

}  // namespace simulator
