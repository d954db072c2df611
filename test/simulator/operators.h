// The operators of pipelines, as a table of names and makers.
#pragma once

#include <string_view>

#include "pipeline.h"

namespace simulator {

// nullptr where a switch says that an unknown operator is ignored; throws PipelineError.
StagePtr make_stage(std::string_view name, const Value& argument, const PipelineContext& context);

using StageMaker = StagePtr (*)(const Value& argument, const PipelineContext& context);

// Row by row (row_operators.cpp)
StagePtr make_filter(const Value& argument, const PipelineContext& context);
StagePtr make_select(const Value& argument, const PipelineContext& context);
StagePtr make_eval(const Value& argument, const PipelineContext& context);
StagePtr make_set(const Value& argument, const PipelineContext& context);
StagePtr make_identified(const Value& argument, const PipelineContext& context);
StagePtr make_limit(const Value& argument, const PipelineContext& context);
StagePtr make_skip(const Value& argument, const PipelineContext& context);
StagePtr make_unwind(const Value& argument, const PipelineContext& context);
StagePtr make_cat(const Value& argument, const PipelineContext& context);
// All rows at once (sort.cpp, grouping.cpp)
StagePtr make_sort(const Value& argument, const PipelineContext& context);
StagePtr make_count(const Value& argument, const PipelineContext& context);
StagePtr make_reduce(const Value& argument, const PipelineContext& context);
StagePtr make_group(const Value& argument, const PipelineContext& context);

}  // namespace simulator
