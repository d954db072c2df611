// Pendo docs: visitor/b64_<URL-safe base64 id> with x-pendo-base64-encoded-params: true.
#include "path_id.h"

#include "compare.h"

namespace simulator {
namespace {

constexpr std::string_view kPrefix = "b64_";

int sextet(char c) {
  static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  auto found = kLetters.find(c);
  return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (char c : text) {
    int value = sextet(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xFF);
    }
  }
  if (text.size() % 4 == 1) return std::nullopt;
  return out;
}

std::optional<std::string> base64_id(std::string_view text, const Switches& switches) {
  bool padded = text.ends_with('=');
  bool needs_padding = padded || text.size() % 4 != 0;
  if (padded && switches.is(Switch::kBase64Padding, "unpadded")) return std::nullopt;
  if (!padded && needs_padding && switches.is(Switch::kBase64Padding, "padded")) return std::nullopt;
  if (padded && text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode_base64(text);
}

}  // namespace

std::optional<std::string> path_id(const Exchange& exchange) {
  const Switches& switches = exchange.world.switches;
  std::string id = percent_decode(exchange.param("id"));
  const std::string* header = exchange.request.header("x-pendo-base64-encoded-params");
  if (header && lower_case(*header) == "true") {
    bool prefixed = id.starts_with(kPrefix);
    if (!prefixed && switches.is(Switch::kBase64Prefix, "required")) return std::nullopt;
    return base64_id(std::string_view(id).substr(prefixed ? kPrefix.size() : 0), switches);
  }
  if ((id == "." || id == "..") && switches.is(Switch::kDotSegments, "clean")) return std::nullopt;
  return id;
}

void answer_no_record(Exchange& exchange, Kind kind) {
  std::string text = "Error while getting " + std::string(kind == Kind::kVisitor ? "visitor" : "account") +
                     ", no such entity found";
  const Switches& switches = exchange.world.switches;
  if (switches.is(Switch::kNotFoundBody, "empty")) return exchange.answer(404);
  if (switches.is(Switch::kNotFoundBody, "json")) return exchange.answer_json(404, Object{{"error", text}});
  if (switches.is(Switch::kNotFoundBody, "json_string")) return exchange.answer_json(404, text);
  exchange.answer_text(404, text);
}

}  // namespace simulator
