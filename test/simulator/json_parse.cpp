// A recursive descent with Go's depth limit and Go's error texts.
#include "json_parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstdint>

#include "utf8.h"

namespace simulator {
namespace {

constexpr int kMaxDepth = 10'000;  // Go: "exceeded max depth"

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool read_document(Value& value) {
    skip_blanks();
    if (!read_value(value, 0)) return false;
    skip_blanks();
    return at_ == end_ || unexpected("after top-level value");
  }

  std::string error;

 private:
  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }

  bool unexpected(std::string_view where) {
    if (at_ == end_) {
      error = "unexpected end of JSON input";
    } else {
      error = std::string("invalid character '") + *at_ + "' " + std::string(where);
    }
    return false;
  }

  bool read_value(Value& value, int depth) {
    if (depth > kMaxDepth) {
      error = "exceeded max depth";
      return false;
    }
    if (at_ == end_) return unexpected("");
    switch (*at_) {
      case '{':
        return read_object(value, depth);
      case '[':
        return read_list(value, depth);
      case '"':
        value = std::string();
        return read_string(value.string());
      case 't':
        return read_word("true", value, true);
      case 'f':
        return read_word("false", value, false);
      case 'n':
        return read_word("null", value, nullptr);
      default:
        return read_number(value);
    }
  }

  bool read_word(std::string_view word, Value& value, Value meaning) {
    for (char c : word) {
      if (at_ == end_ || *at_ != c) return unexpected("in literal " + std::string(word));
      ++at_;
    }
    value = std::move(meaning);
    return true;
  }

  bool read_list(Value& value, int depth) {
    ++at_;
    List list;
    skip_blanks();
    if (at_ < end_ && *at_ == ']') {
      ++at_;
      value = std::move(list);
      return true;
    }
    for (;;) {
      skip_blanks();
      if (!read_value(list.emplace_back(), depth + 1)) return false;
      skip_blanks();
      if (at_ == end_ || (*at_ != ',' && *at_ != ']')) return unexpected("after array element");
      if (*at_++ == ']') break;
    }
    value = std::move(list);
    return true;
  }

  bool read_object(Value& value, int depth) {
    ++at_;
    Object object;
    skip_blanks();
    if (at_ < end_ && *at_ == '}') {
      ++at_;
      value = std::move(object);
      return true;
    }
    for (;;) {
      if (!read_member(object.emplace_back(), depth)) return false;
      skip_blanks();
      if (at_ == end_ || (*at_ != ',' && *at_ != '}')) return unexpected("after object key:value pair");
      if (*at_++ == '}') break;
    }
    sort_members(object);
    value = std::move(object);
    return true;
  }

  bool read_member(Member& member, int depth) {
    skip_blanks();
    if (at_ == end_ || *at_ != '"') return unexpected("looking for beginning of object key string");
    if (!read_string(member.name)) return false;
    skip_blanks();
    if (at_ == end_ || *at_ != ':') return unexpected("after object key");
    ++at_;
    skip_blanks();
    return read_value(member.value, depth + 1);
  }

  static void sort_members(Object& object) {
    auto by_name = [](const Member& a, const Member& b) { return a.name < b.name; };
    std::stable_sort(object.begin(), object.end(), by_name);
    // of equal names the last one stays
    auto last = std::unique(object.rbegin(), object.rend(),
                            [](const Member& a, const Member& b) { return a.name == b.name; });
    object.erase(object.begin(), last.base());
  }

  bool read_string(std::string& out) {
    ++at_;
    for (;;) {
      if (at_ == end_) return unexpected("");
      auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"') break;
      if (byte < 0x20) return unexpected("in string literal");
      if (byte == '\\') {
        if (!read_escape(out)) return false;
      } else {
        copy_code_point(out);
      }
    }
    ++at_;
    return true;
  }

  void copy_code_point(std::string& out) {
    std::size_t length = utf8_length({at_, static_cast<std::size_t>(end_ - at_)});
    if (length == 0) {
      append_utf8(out, 0xFFFD);
      ++at_;
      return;
    }
    out.append(at_, length);
    at_ += length;
  }

  bool read_escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    if (at_ == end_) return unexpected("");
    if (*at_ == 'u') return read_unicode(out);
    auto which = kLetters.find(*at_);
    if (which == std::string_view::npos) return unexpected("in string escape code");
    out += kMeanings[which];
    ++at_;
    return true;
  }

  bool read_hex(std::uint32_t& code) {
    ++at_;  // the u
    code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      std::uint32_t digit = 0;
      if (at_ == end_ || std::from_chars(at_, at_ + 1, digit, 16).ec != std::errc()) {
        return unexpected("in \\u hexadecimal character escape");
      }
      code = code * 16 + digit;
    }
    return true;
  }

  bool read_unicode(std::string& out) {
    std::uint32_t code = 0;
    if (!read_hex(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
      const char* before = at_;
      std::uint32_t low = 0;
      ++at_;
      if (!read_hex(low)) return false;
      if (low >= 0xDC00 && low < 0xE000) {
        append_utf8(out, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
        return true;
      }
      at_ = before;
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return true;
  }

  bool digits() {
    const char* first = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ > first;
  }

  bool read_number(Value& value) {
    const char* first = at_;
    bool whole = true;
    if (*at_ == '-') ++at_;
    if (at_ < end_ && *at_ == '0') {
      ++at_;
    } else if (!digits()) {
      return unexpected(at_ == first ? "looking for beginning of value" : "in numeric literal");
    }
    if (at_ < end_ && *at_ == '.') {
      whole = false;
      ++at_;
      if (!digits()) return unexpected("after decimal point in numeric literal");
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false;
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return unexpected("in exponent of numeric literal");
    }
    return number_value(first, whole, value);
  }

  bool number_value(const char* first, bool whole, Value& value) {
    std::int64_t integer = 0;
    if (whole && std::from_chars(first, at_, integer).ec == std::errc()) {
      value = integer;
      return true;
    }
    double number = 0;
    // Go: what is too small is 0, what is too large an error
    if (std::from_chars(first, at_, number).ec != std::errc()) number = std::strtod(std::string(first, at_).c_str(), nullptr);
    if (!std::isfinite(number)) {
      error = "json: cannot unmarshal number " + std::string(first, at_) + " into Go value of type float64";
      return false;
    }
    value = number;
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

bool parse_json(std::string_view text, Value& value, std::string& error) {
  JsonReader reader(text);
  if (reader.read_document(value)) return true;
  error = std::move(reader.error);
  return false;
}

}  // namespace simulator
