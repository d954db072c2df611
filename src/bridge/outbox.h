// What the outbox stores, as PostgreSQL's values.
#pragma once

#include "bridge/bridge.h"
#include "core/consignment.h"
#include "core/stored_record.h"

bytea* pendo_store_record(const pendo::FieldTable* table, std::string_view id, std::string_view encoded);
bytea* pendo_store_event(std::string_view label, std::string_view encoded);

// nullptr: nothing is left, see pendo::without_fields_of().
bytea* pendo_without_fields_of(std::string_view earlier, std::string_view later, bool applied);

// Two updates of one record as one, palloc'd.
std::string_view pendo_merge_values(std::string_view earlier, std::string_view later);

PendoBox<pendo::Consignment>* pendo_new_consignment(MemoryContext context);

inline std::string_view pendo_bytes(const bytea* value) {
  return {VARDATA_ANY(value), static_cast<size_t>(VARSIZE_ANY_EXHDR(value))};
}
