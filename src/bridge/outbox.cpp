// Copies of the core's bytes, out of reach of a longjmp.
#include "bridge/outbox.h"

namespace {

template <class Make>
bytea* bytes_of(Make make) {
  Size size = 0;
  auto* bytes = reinterpret_cast<bytea*>(pendo_palloced(make, VARHDRSZ, &size));
  SET_VARSIZE(bytes, VARHDRSZ + size);
  return bytes;
}

}  // namespace

bytea* pendo_store_record(const pendo::FieldTable* table, std::string_view id, std::string_view encoded) {
  return bytes_of([=]() { return pendo::store_record(*table, id, encoded); });
}

bytea* pendo_store_event(std::string_view label, std::string_view encoded) {
  return bytes_of([=]() { return pendo::store_event(label, encoded); });
}

bytea* pendo_without_fields_of(std::string_view earlier, std::string_view later, bool applied) {
  bytea* left = bytes_of([=]() { return pendo::without_fields_of(earlier, later, applied); });
  return VARSIZE(left) > VARHDRSZ ? left : nullptr;
}

std::string_view pendo_merge_values(std::string_view earlier, std::string_view later) {
  return pendo_bytes(bytes_of([=]() { return pendo::merge_values(earlier, later); }));
}

PendoBox<pendo::Consignment>* pendo_new_consignment(MemoryContext context) {
  PendoBox<pendo::Consignment>* box = pendo_box<pendo::Consignment>(context);
  pendo_make(box, [](pendo::Failure&) { return std::make_unique<pendo::Consignment>(); });
  return box;
}
