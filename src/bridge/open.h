// Opening the core's operations from plain arrays: the C++ containers live and
// die inside, no PostgreSQL function is called while they exist.
#pragma once

#include "bridge/bridge.h"
#include "core/bulk_update.h"
#include "core/event_counts.h"
#include "core/event_sender.h"
#include "core/object.h"
#include "core/scan.h"
#include "fdw/table.h"

// Each reports an ERROR when it cannot.
void pendo_open_scan(PendoBox<pendo::Scan>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                     const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options);
void pendo_open_counts(PendoBox<pendo::EventCounts>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options, int64 first_ms,
                       int64 last_ms);
void pendo_open_update(PendoBox<pendo::BulkUpdate>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::BulkField* fields, int count, const pendo::CallOptions& options);
void pendo_open_sender(PendoBox<pendo::EventSender>* box, PendoClientRef* client, const pendo::CallOptions& options);
void pendo_open_schema(PendoBox<pendo::SchemaFetch>* box, PendoClientRef* client, const char* kind,
                       const pendo::CallOptions& options);

// The aggregation call of a full scan of these columns, palloc'd.
char* pendo_describe_scan(const pendo::ObjectDescriptor* object, const PendoTable* table, List* attnos);
