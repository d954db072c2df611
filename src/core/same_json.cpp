// Each value is brought into one form: numbers as the shortest text of their
// float, members of objects sorted.
#include "same_json.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "json_reader.h"
#include "json_write.h"

namespace pendo {
namespace {

class Normalizer : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Normalizer> {
 public:
  bool Null() { return put("null"); }
  bool Bool(bool value) { return put(value ? "true" : "false"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return put(number_text({text, size})); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return put(quoted({text, size})); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    open_.back().members.emplace_back(quoted({text, size}), std::string());
    return true;
  }
  bool StartObject() { return start(true); }
  bool StartArray() { return start(false); }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool EndArray(rapidjson::SizeType) { return end(); }

  const std::string& result() const { return result_; }

 private:
  using Members = std::vector<std::pair<std::string, std::string>>;

  struct Open {
    bool is_object;
    Members members;
  };

  static std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  }

  static std::string number_text(std::string_view digits) {
    double value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc()) return std::string(digits);
    if (value == 0) return "0";  // not -0
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  }

  bool start(bool is_object) {
    open_.push_back({is_object, {}});
    return true;
  }

  bool end() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    if (closed.is_object) sort(closed.members);
    std::string text = closed.is_object ? "{" : "[";
    for (const auto& [name, value] : closed.members) {
      if (text.size() > 1) text += ',';
      text += name;
      if (closed.is_object) text += ':';
      text += value;
    }
    return put(text + (closed.is_object ? "}" : "]"));
  }

  // Of members of one name the last one counts.
  static void sort(Members& members) {
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
    auto dropped = std::unique(members.rbegin(), members.rend(), same_name);
    members.erase(members.begin(), dropped.base());
  }

  bool put(std::string text) {
    if (open_.empty()) {
      result_ = std::move(text);
    } else if (open_.back().is_object) {
      open_.back().members.back().second = std::move(text);
    } else {
      open_.back().members.emplace_back(std::string(), std::move(text));
    }
    return true;
  }

  std::vector<Open> open_;
  std::string result_;
};

constexpr unsigned kFlags = rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag;

// Empty: no JSON.
std::string normalized(std::string_view json) {
  if (!nested_within(json, kMaxNesting)) return {};
  std::string terminated(json);
  rapidjson::StringStream stream(terminated.c_str());
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator> reader;
  Normalizer normalizer;
  return reader.Parse<kFlags>(stream, normalizer).IsError() ? std::string() : normalizer.result();
}

bool may_differ_in_form(std::string_view json) {
  char first = json.empty() ? '\0' : json.front();
  return first == '{' || first == '[' || first == '-' || (first >= '0' && first <= '9');
}

}  // namespace

bool is_same_json(std::string_view a, std::string_view b) noexcept try {
  if (a == b) return true;
  a = trimmed(a);
  b = trimmed(b);
  if (!may_differ_in_form(a) || !may_differ_in_form(b)) return false;
  std::string one = normalized(a);
  return !one.empty() && one == normalized(b);
} catch (const std::bad_alloc&) {
  return false;
}

}  // namespace pendo
