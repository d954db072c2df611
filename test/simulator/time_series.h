// The timeSeries beside an event source.
#pragma once

#include <cstdint>

#include "calendar.h"
#include "pipeline.h"

namespace simulator {

struct TimeSeries {
  Period period = Period::kDay;
  std::int64_t from = 0;   // start of the first period
  std::int64_t until = 0;  // end of the last one
};

// Throws PipelineError.
TimeSeries parse_time_series(const Value& argument, const PipelineContext& context);

}  // namespace simulator
