// An aggregation: a source that makes rows, stages that pass them on, and a sink.
// Rows are pushed, so that the first can be sent before the last is made.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "event_log.h"
#include "expression.h"
#include "projection.h"
#include "store.h"
#include "switches.h"
#include "track_types.h"

namespace simulator {

struct PipelineContext {
  const Store& store;
  const TrackTypes& track_types;
  const EventLog& events;
  const Switches& switches;
  ExpressionRules rules;
  std::function<bool()> wanted;  // asked now and then: is anybody still waiting for the rows?
};

// An answer that is not 200.
struct PipelineError : std::runtime_error {
  PipelineError(int status, const std::string& body) : std::runtime_error(body), status(status) {}
  int status;
};

struct Row {
  Value value;
  bool stored = false;  // a record as its source made it: the id is enough to have it again
};

class Stage {
 public:
  virtual ~Stage() = default;
  // False: no more rows are wanted.
  virtual bool push(Row row) = 0;
  virtual void finish() { next_->finish(); }

  void connect(Stage& next) { next_ = &next; }

  // What the optimiser asks.
  // Adds the parts of a row that the stage reads.
  virtual void read(Projection&) const {}
  // Its rows have nothing of what came in but what it read.
  virtual bool makes_new_rows() const { return false; }
  // Passes on some or all of its rows, as they are.
  virtual bool picks_rows() const { return false; }
  // A filter behind it could as well stand before it.
  virtual bool lets_filters_pass() const { return false; }
  // Rows with other keys do not get through.
  virtual void narrow(KeyRange&, std::string_view) const {}
  // Rows come in order of this key; whether they still do behind the stage.
  virtual bool take_order(std::string_view) { return false; }
  // What the source makes of each record.
  virtual void source_makes(const Projection&) {}
  // At most so many of its rows are wanted.
  virtual void limit(std::int64_t) {}
  // How many rows it lets through, -1 if there is no bound.
  virtual std::int64_t bound() const { return -1; }

 protected:
  Stage& next() { return *next_; }

 private:
  Stage* next_ = nullptr;
};

using StagePtr = std::unique_ptr<Stage>;

// What a source may use of what follows it.
struct SourceHints {
  Projection projection = Projection::everything();
  KeyRange range;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual void run(Stage& first, const SourceHints& hints) = 0;
  // The member that its rows are in order of, empty if of none.
  virtual std::string_view key() const { return {}; }
  virtual bool has_time_range() const { return false; }
  virtual std::int64_t start_time() const { return 0; }
  virtual Value valid_through() const { return Value(); }  // for ?details=true
};

class Pipeline {
 public:
  // Throws PipelineError. `optimise` false: every row goes through every stage.
  Pipeline(const Value& operators, const PipelineContext& context, bool optimise = true);
  ~Pipeline();

  // Throws EvaluationError.
  void run(Stage& sink);
  const Source& source() const { return *source_; }

 private:
  void optimise();

  const PipelineContext& context_;
  std::unique_ptr<Source> source_;
  std::vector<StagePtr> stages_;
  SourceHints hints_;
};

// An expression of an operator's argument: text, or a constant.
NodePtr parse_argument(const Value& argument, const PipelineContext& context, const std::string& complaint);
void add_reads(const Node& node, Projection& projection);

}  // namespace simulator
