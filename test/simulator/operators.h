// The operators of pipelines, as a table of names and makers.
#pragma once

#include <string_view>

#include "pipeline.h"

namespace simulator {

// The steps of a pipeline from this position on; throws PipelineError.
std::vector<StagePtr> make_stages(const List& steps, std::size_t from, const PipelineContext& context);

// nullptr where a switch says that an unknown operator is ignored; throws PipelineError.
StagePtr make_stage(std::string_view name, const Value& argument, const PipelineContext& context);

using StageMaker = StagePtr (*)(const Value& argument, const PipelineContext& context);

// Row by row (row_operators.cpp)
StagePtr make_filter(const Value& argument, const PipelineContext& context);
StagePtr make_select(const Value& argument, const PipelineContext& context);
StagePtr make_eval(const Value& argument, const PipelineContext& context);
StagePtr make_unmarshal(const Value& argument, const PipelineContext& context);
StagePtr make_set(const Value& argument, const PipelineContext& context);
StagePtr make_identified(const Value& argument, const PipelineContext& context);
StagePtr make_limit(const Value& argument, const PipelineContext& context);
StagePtr make_skip(const Value& argument, const PipelineContext& context);
StagePtr make_cat(const Value& argument, const PipelineContext& context);
// unwind.cpp, switch_operator.cpp, user_agent.cpp
StagePtr make_unwind(const Value& argument, const PipelineContext& context);
StagePtr make_switch(const Value& argument, const PipelineContext& context);
StagePtr make_user_agent(const Value& argument, const PipelineContext& context);
// expand.cpp
StagePtr make_bulk_expand(const Value& argument, const PipelineContext& context);
StagePtr make_expand(const Value& argument, const PipelineContext& context);
StagePtr make_expand_list(const Value& argument, const PipelineContext& context);
StagePtr make_item_seen(const Value& argument, const PipelineContext& context);
StagePtr make_segment(const Value& argument, const PipelineContext& context);
// branches.cpp
StagePtr make_fork(const Value& argument, const PipelineContext& context);
StagePtr make_join(const Value& argument, const PipelineContext& context);
StagePtr make_merge(const Value& argument, const PipelineContext& context);
// All rows at once (sort.cpp, grouping.cpp)
StagePtr make_sort(const Value& argument, const PipelineContext& context);
StagePtr make_count(const Value& argument, const PipelineContext& context);
StagePtr make_reduce(const Value& argument, const PipelineContext& context);
StagePtr make_group(const Value& argument, const PipelineContext& context);

}  // namespace simulator
