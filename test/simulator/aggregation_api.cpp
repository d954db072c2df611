// POST aggregation: one JSON document, sent while it is computed.
#include "handlers.h"
#include "pipeline.h"

namespace simulator {
namespace {

// Writes rows as the elements of "results".
class ResultWriter : public Stage {
 public:
  ResultWriter(Exchange& exchange, std::string prefix)
      : exchange_(exchange), style_(exchange.json_style()), prefix_(std::move(prefix)) {}

  bool push(Row row) override {
    std::int64_t at = came_++;
    if (has(FaultKind::kDropRows) && is_dropped(at)) return true;
    std::string text;
    append_json(text, row.value, style_);
    if (has(FaultKind::kRepeatRow)) repeat_first(at, text);
    buffer_ = rows_++ == 0 ? prefix_ + "\"results\":[" : ",";
    buffer_ += text;
    return exchange_.response.write(buffer_);
  }

  void finish() override {}

  // What follows the rows; `more` is another member or empty.
  void end(const std::string& more) {
    std::string tail = rows_ > 0 ? "]" : prefix_ + nothing();
    if (!more.empty() && !tail.ends_with('{')) tail += ',';
    exchange_.response.write(tail + more + "}");
    exchange_.response.finish();
  }

 private:
  bool has(FaultKind kind) const { return exchange_.fault && exchange_.fault->kind == kind; }

  bool is_dropped(std::int64_t at) const {
    const Fault& fault = *exchange_.fault;
    return at >= fault.after_rows && (fault.rows < 0 || at < fault.after_rows + fault.rows);
  }

  void repeat_first(std::int64_t at, std::string& text) {
    if (at == 0) first_ = text;
    if (at == exchange_.fault->after_rows) text = first_;
  }

  std::string nothing() const {
    if (exchange_.world.switches.is(Switch::kEmptyResults, "null")) return "\"results\":null";
    if (exchange_.world.switches.is(Switch::kEmptyResults, "absent")) return "";
    return "\"results\":[]";
  }

  Exchange& exchange_;
  JsonStyle style_;
  std::string prefix_;
  std::string buffer_;
  std::string first_;       // as it was sent
  std::int64_t came_ = 0;  // of the pipeline
  std::int64_t rows_ = 0;  // sent
};

bool is_json(const Value& body) {
  const Value* type = find_path(body, "response.mimeType");
  return !type || (type->is_string() && type->string() == "application/json");
}

std::string before_results(Exchange& exchange, const Source& source) {
  auto details = exchange.request.parameter("details");
  Value valid_through = source.valid_through();
  if (!details || *details != "true" || valid_through.is_missing()) return "{";
  return "{\"details\":" + to_json(Object{{"validThrough", valid_through}}) + ",";
}

std::string after_results(Exchange& exchange, const Source& source) {
  const Switches& switches = exchange.world.switches;
  bool told = switches.is(Switch::kStartTime, "always") ||
              (switches.is(Switch::kStartTime, "time_range") && source.has_time_range());
  return told ? "\"startTime\":" + std::to_string(source.start_time()) : "";
}

void run(Exchange& exchange, const Value& operators, const PipelineContext& context) {
  Pipeline pipeline(operators, context);
  exchange.response.set_header("Content-Type", "application/json; charset=utf-8");
  ResultWriter writer(exchange, before_results(exchange, pipeline.source()));
  pipeline.run(writer);
  writer.end(after_results(exchange, pipeline.source()));
}

// Once rows are on their way, an answer can only be cut.
void answer_failure(Exchange& exchange, int status, const std::string& text) {
  if (exchange.response.committed()) return exchange.response.abort();
  exchange.answer_text(status, text);
}

}  // namespace

void aggregate(Exchange& exchange) {
  Value body;
  if (!exchange.read_json(body)) return;
  const Value* operators = find_path(body, "request.pipeline");
  if (!operators || !operators->is_list()) {
    Value error = Object{};
    error.set("fields", Object{{"pipeline", "Required"}});
    error.set("overall", Object{});
    return exchange.answer_json(422, error);
  }
  if (!is_json(body)) return exchange.answer_text(400, "Unsupported response mimeType");
  World& world = exchange.world;
  PipelineContext context{world.store, world.track_types, world.events, world.switches, ExpressionRules(world.switches),
                          [&exchange] { return !exchange.response.wire().peer_gone(); }};
  try {
    run(exchange, *operators, context);
  } catch (const PipelineError& error) {
    answer_failure(exchange, error.status, error.what());
  } catch (const EvaluationError& error) {
    answer_failure(exchange, 400, error.what());
  }
}

}  // namespace simulator
