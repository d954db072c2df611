// From plain arrays to the core's constructors.
#include "bridge/open.h"

namespace {

template <class T>
std::vector<T> copy_of(const T* items, int count) {
  return {items, items + count};
}

}  // namespace

void pendo_open_scan(PendoBox<pendo::Scan>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                     const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::Scan::create(*client, *object, copy_of(columns, count), options, failure);
  });
}

void pendo_open_counts(PendoBox<pendo::EventCounts>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options, int64 first_ms,
                       int64 last_ms) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::EventCounts::create(*client, *object, copy_of(columns, count), options, first_ms, last_ms, failure);
  });
}

void pendo_open_update(PendoBox<pendo::BulkUpdate>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::BulkField* fields, int count, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::BulkUpdate::create(*client, *object, copy_of(fields, count), options, failure);
  });
}

void pendo_open_sender(PendoBox<pendo::EventSender>* box, PendoClientRef* client, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::EventSender::create(*client, options, failure);
  });
}

void pendo_open_schema(PendoBox<pendo::SchemaFetch>* box, PendoClientRef* client, const char* kind,
                       const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::SchemaFetch::create(*client, kind, options, failure);
  });
}

char* pendo_describe_scan(const pendo::ObjectDescriptor* object, const PendoTable* table, List* attnos) {
  int count = list_length(attnos);
  auto* columns = static_cast<pendo::ScanColumn*>(palloc0(sizeof(pendo::ScanColumn) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(table, static_cast<AttrNumber>(list_nth_int(attnos, i)));
    columns[i] = {column->path, column->json_type};
  }
  // room for every column's alias and path, so that the copy is made without PostgreSQL
  Size room = 4096;
  for (int i = 0; i < count; ++i) room += columns[i].path.size() + 16;
  char* text = static_cast<char*>(palloc0(room));
  [&]() noexcept {
    std::string call = pendo::describe_scan(*object, copy_of(columns, count), table->options.call);
    call.copy(text, room - 1);
  }();
  return text;
}
