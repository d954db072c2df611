// Opening the core's operations from plain arrays: the C++ containers live and
// die inside, no PostgreSQL function is called while they exist.
#pragma once

#include "bridge/bridge.h"
#include "core/bulk_update.h"
#include "core/condition.h"
#include "core/event_counts.h"
#include "core/event_sender.h"
#include "core/field_check.h"
#include "core/field_values.h"
#include "core/object.h"
#include "core/record_count.h"
#include "core/scan.h"
#include "fdw/table.h"
#include "fdw/window.h"

// Each reports an ERROR when it cannot.
void pendo_open_scan(PendoBox<pendo::Scan>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                     const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options,
                     const pendo::SortOrder& order);
void pendo_open_record_count(PendoBox<pendo::RecordCount>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                             const pendo::CallOptions& options);
void pendo_open_counts(PendoBox<pendo::EventCounts>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options,
                       const pendo::CountPeriod* period);
void pendo_open_fields(PendoBox<pendo::FieldTable>* box);
void pendo_open_encoder(PendoBox<pendo::RecordEncoder>* box, pendo::FieldTable* table, const pendo::BulkField* fields,
                        int count, const pendo::EncodeRules& rules);
void pendo_open_field_check(PendoBox<pendo::FieldCheck>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                            const pendo::BulkField* fields, int count, const pendo::CallOptions& options);
void pendo_open_update(PendoBox<pendo::Writer>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::FieldTable* fields, const pendo::CallOptions& options);
void pendo_open_sender(PendoBox<pendo::Writer>* box, PendoClientRef* client, const pendo::CallOptions& options);
void pendo_open_secrets(PendoBox<pendo::TrackSecrets>* box, PendoClientRef* client);
void pendo_open_schema(PendoBox<pendo::SchemaFetch>* box, PendoClientRef* client, const char* kind,
                       const pendo::CallOptions& options);

// Starting what was opened, from plain values as well. False: no row can meet
// the condition, nothing was started.
bool pendo_start_scan(pendo::Scan* scan, const pendo::Condition* condition, bool in_order, int first_rows);
bool pendo_start_counts(pendo::EventCounts* counts, const pendo::Condition* condition, const PendoWindow& window,
                        const pendo::CountPeriod* period, bool pushdown);
bool pendo_start_count(pendo::RecordCount* count, const pendo::Condition* condition);
void pendo_start_sample(pendo::Scan* scan, const pendo::ObjectDescriptor* object, int64 total, int wanted);
void pendo_start_keys(pendo::Scan* scan, const std::string_view* keys, int count);

// The aggregation call of a scan of these columns, or of a count, palloc'd.
char* pendo_describe_scan(const PendoTable* table, const pendo::ScanColumn* columns, int count, const pendo::Condition* condition,
                          const pendo::SortOrder& order, int first_rows);
char* pendo_describe_counts(const PendoTable* table, const pendo::ScanColumn* columns, int count, const pendo::Condition* condition,
                            const PendoWindowBorders& borders, bool pushdown);
char* pendo_describe_count(const PendoTable* table, const pendo::Condition* condition);
