// The handlers of all routes.
#pragma once

#include "exchange.h"

namespace simulator {

// token_api.cpp
void verify_token(Exchange& exchange);
// schema_api.cpp
void get_schema(Exchange& exchange);
void create_fields(Exchange& exchange);
void delete_field(Exchange& exchange);
// value_api.cpp
void get_value(Exchange& exchange);
void put_value(Exchange& exchange);
// bulk_api.cpp
void bulk_write(Exchange& exchange);
void bulk_patch(Exchange& exchange);
// record_api.cpp
void get_visitor(Exchange& exchange);
void get_account(Exchange& exchange);
// aggregation_api.cpp
void aggregate(Exchange& exchange);
// catalog_api.cpp
void list_track_types(Exchange& exchange);
void list_pages(Exchange& exchange);
void list_features(Exchange& exchange);
void list_guides(Exchange& exchange);
void list_segments(Exchange& exchange);
void list_nothing(Exchange& exchange);
// track_api.cpp
void track_event(Exchange& exchange);
// control_api.cpp
void control_stats(Exchange& exchange);
void control_reset(Exchange& exchange);
void control_requests(Exchange& exchange);
void control_record(Exchange& exchange);
void control_events(Exchange& exchange);
void control_dump(Exchange& exchange);
void control_metrics(Exchange& exchange);
void control_get_faults(Exchange& exchange);
void control_set_faults(Exchange& exchange);
void control_get_config(Exchange& exchange);
void control_set_config(Exchange& exchange);
// load_api.cpp
void load_events(Exchange& exchange);
void load_records(Exchange& exchange);

}  // namespace simulator
