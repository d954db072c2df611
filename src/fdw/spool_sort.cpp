// Reading a spool by id, with PostgreSQL's sort.
#include "fdw/spool.h"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
}

namespace {

// The columns of the sort. Positions grow with arrival, so they break ties.
enum SortColumn { kId, kPosition, kPayload, kColumns };

// A larger payload stays in the spool and is read when its turn comes: a merge
// holds a row of each of its runs, and rows of 8 MB would not fit work_mem.
constexpr Size kInline = 16 << 10;

}  // namespace

struct PendoSort {
  MemoryContext context;
  Tuplesortstate* sort;
  TupleTableSlot* in;
  TupleTableSlot* out;
  PendoSpoolReader* large;  // for payloads that stayed in the spool

  // varlenas that are made for each row
  char* id;
  Size id_room;
  char* payload;
};

namespace {

Oid less_operator(Oid type) { return lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr; }

TupleDesc sorted_columns() {
  TupleDesc desc = CreateTemplateTupleDesc(kColumns);
  TupleDescInitEntry(desc, kId + 1, "id", BYTEAOID, -1, 0);
  TupleDescInitEntry(desc, kPosition + 1, "position", INT8OID, -1, 0);
  TupleDescInitEntry(desc, kPayload + 1, "payload", BYTEAOID, -1, 0);
  return desc;
}

// bytea is compared as bytes, whatever the database's encoding and collation.
Tuplesortstate* begin_sort(TupleDesc desc) {
  AttrNumber keys[] = {kId + 1, kPosition + 1};
  Oid operators[] = {less_operator(BYTEAOID), less_operator(INT8OID)};
  Oid collations[] = {InvalidOid, InvalidOid};
  bool nulls_first[] = {false, false};
  return tuplesort_begin_heap(desc, lengthof(keys), keys, operators, collations, nulls_first, work_mem, nullptr, TUPLESORT_RANDOMACCESS);
}

Datum make_bytea(char* place, std::string_view bytes) {
  SET_VARSIZE(place, bytes.size() + VARHDRSZ);
  memcpy(place + VARHDRSZ, bytes.data(), bytes.size());
  return PointerGetDatum(place);
}

std::string_view bytes_of(Datum datum) {
  const auto* bytes = reinterpret_cast<const varlena*>(DatumGetPointer(datum));
  return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

void make_room_for_id(PendoSort* sort, Size size) {
  if (size <= sort->id_room) return;
  sort->id_room = Max(size, sort->id_room * 2);
  sort->id = static_cast<char*>(sort->id ? repalloc(sort->id, sort->id_room) : MemoryContextAlloc(sort->context, sort->id_room));
}

void put_row(PendoSort* sort, std::string_view id, int64 position, std::string_view payload) {
  make_room_for_id(sort, id.size() + VARHDRSZ);
  TupleTableSlot* slot = ExecClearTuple(sort->in);
  bool stays = payload.size() > kInline;
  slot->tts_values[kId] = make_bytea(sort->id, id);
  slot->tts_values[kPosition] = Int64GetDatum(position);
  slot->tts_values[kPayload] = stays ? Datum(0) : make_bytea(sort->payload, payload);
  slot->tts_isnull[kId] = slot->tts_isnull[kPosition] = false;
  slot->tts_isnull[kPayload] = stays;
  ExecStoreVirtualTuple(slot);
  tuplesort_puttupleslot(sort->sort, slot);
}

void read_all(PendoSort* sort, PendoSpool* spool, uint8 wanted) {
  PendoSpoolReader* reader = pendo_spool_read(spool);
  uint8 kind;
  std::string_view id;
  std::string_view payload;
  int64 position = 0;
  while (pendo_spool_next(reader, &kind, &id, &payload)) {
    if (kind == wanted) put_row(sort, id, position, payload);
    position = pendo_spool_position(reader);
  }
  pendo_spool_read_end(reader);
}

std::string_view read_large(PendoSort* sort, int64 position) {
  uint8 kind;
  std::string_view id;
  std::string_view payload;
  pendo_spool_go(sort->large, position);
  if (!pendo_spool_next(sort->large, &kind, &id, &payload)) elog(ERROR, "pendo_fdw: a sorted record is not in its spool");
  return payload;
}

}  // namespace

PendoSort* pendo_spool_sort(PendoSpool* spool, uint8 kind) {
  MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw sort", ALLOCSET_DEFAULT_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  auto* sort = static_cast<PendoSort*>(palloc0(sizeof(PendoSort)));
  TupleDesc desc = sorted_columns();
  sort->context = context;
  sort->sort = begin_sort(desc);
  sort->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
  sort->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
  sort->large = pendo_spool_read(spool);
  sort->payload = static_cast<char*>(palloc(kInline + VARHDRSZ));
  read_all(sort, spool, kind);
  tuplesort_performsort(sort->sort);
  MemoryContextSwitchTo(old);
  return sort;
}

bool pendo_sort_next(PendoSort* sort, std::string_view* id, std::string_view* payload) {
  CHECK_FOR_INTERRUPTS();
  MemoryContext old = MemoryContextSwitchTo(sort->context);
  bool found = tuplesort_gettupleslot(sort->sort, true, false, sort->out, nullptr);
  if (found) {
    slot_getallattrs(sort->out);
    *id = bytes_of(sort->out->tts_values[kId]);
    bool stayed = sort->out->tts_isnull[kPayload];
    *payload = stayed ? read_large(sort, DatumGetInt64(sort->out->tts_values[kPosition])) : bytes_of(sort->out->tts_values[kPayload]);
  }
  MemoryContextSwitchTo(old);
  return found;
}

int64 pendo_sort_position(const PendoSort* sort) { return DatumGetInt64(sort->out->tts_values[kPosition]); }

void pendo_sort_rewind(PendoSort* sort) { tuplesort_rescan(sort->sort); }

void pendo_sort_end(PendoSort* sort) {
  ExecDropSingleTupleTableSlot(sort->in);
  ExecDropSingleTupleTableSlot(sort->out);
  tuplesort_end(sort->sort);
  MemoryContextDelete(sort->context);
}
