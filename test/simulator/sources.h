// The sources of pipelines, as a table of names and makers.
#pragma once

#include <memory>
#include <vector>

#include "pipeline.h"

namespace simulator {

// From the first step of a pipeline: {"source":{"trackEvents":null,"timeSeries":{…}}}.
std::unique_ptr<Source> make_source(const Value& step, const PipelineContext& context);

using SourceMaker = std::unique_ptr<Source> (*)(const Value& parameters, const Value* time_series,
                                                const PipelineContext& context);

std::unique_ptr<Source> make_visitors(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_accounts(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_unprocessed_visitors(const Value& parameters, const Value* time_series,
                                                  const PipelineContext& context);
std::unique_ptr<Source> make_unprocessed_accounts(const Value& parameters, const Value* time_series,
                                                  const PipelineContext& context);
// event_source.cpp
std::unique_ptr<Source> make_all_events(const Value& parameters, const Value* time_series,
                                        const PipelineContext& context);
std::unique_ptr<Source> make_feature_events(const Value& parameters, const Value* time_series,
                                            const PipelineContext& context);
std::unique_ptr<Source> make_page_events(const Value& parameters, const Value* time_series,
                                         const PipelineContext& context);
std::unique_ptr<Source> make_track_events(const Value& parameters, const Value* time_series,
                                          const PipelineContext& context);
// object_sources.cpp
std::unique_ptr<Source> make_apps(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_constants(const Value& parameters, const Value* time_series,
                                       const PipelineContext& context);
std::unique_ptr<Source> make_features(const Value& parameters, const Value* time_series,
                                      const PipelineContext& context);
std::unique_ptr<Source> make_groups(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_guides(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_pages(const Value& parameters, const Value* time_series, const PipelineContext& context);
std::unique_ptr<Source> make_track_types(const Value& parameters, const Value* time_series,
                                         const PipelineContext& context);
// branches.cpp: {"spawn":[[…],[…]]} in the place of a source.
std::unique_ptr<Source> make_spawn(const Value& argument, const PipelineContext& context);

// What appId means: a number, a list, expandAppIds("*"), or the default app.
std::vector<std::int64_t> chosen_apps(const Value& parameters, const PipelineContext& context);
// What trackTypeId or trackTypeIds and the like name; empty if neither is there.
std::vector<std::string> chosen_ids(const Value& parameters, std::string_view one, std::string_view several);

}  // namespace simulator
