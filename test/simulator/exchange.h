// One call: the request, its answer, and what the route says about it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "faults.h"
#include "http_request.h"
#include "http_response.h"
#include "json_write.h"
#include "world.h"

namespace simulator {

struct Exchange {
  World& world;
  const Request& request;
  Response& response;
  std::map<std::string, std::string, std::less<>> params;  // parts of the path, still percent-encoded
  std::optional<Fault> fault;                               // for handlers that carry one out themselves

  const std::string& param(std::string_view name) const { return params.find(name)->second; }
  std::optional<Kind> kind() const;  // of the parameter {kind}

  void answer(int status) { answer_bytes(status, {}, {}); }
  void answer_text(int status, std::string_view text) { answer_bytes(status, "text/plain; charset=utf-8", text); }
  void answer_json(int status, const Value& value);
  void answer_bytes(int status, std::string_view type, std::string_view bytes);
  // The body as JSON; false after a 400 in the form of Go's binding package.
  bool read_json(Value& value);
  void answer_bad_json(std::string_view error);
  JsonStyle json_style() const;
};

}  // namespace simulator
