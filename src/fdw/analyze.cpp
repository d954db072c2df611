// Pendo counts the records and picks those whose id hashes into a part of them,
// so that few travel.
#include "fdw/analyze.h"

#include "bridge/bridge.h"
#include "bridge/open.h"
#include "fdw/datum.h"
#include "fdw/session.h"
#include "fdw/table.h"

namespace {

// The planner reckons in pages; a record is taken for about half a kilobyte.
constexpr double kRecordsPerPage = 16;

struct Sampling {
  PendoTable* table;
  PendoClientRef* client;
  Relation relation;
  List* attnos;
  pendo::Value* values;
  HeapTuple* rows;
  int wanted;
};

int64 count_records(Sampling* sampling) {
  auto* box = pendo_box<pendo::RecordCount>(CurrentMemoryContext);
  pendo_open_record_count(box, sampling->client, sampling->table->object, sampling->table->options.call);
  pendo::RecordCount* count = box->get();
  pendo::Value value;
  pendo::Value* out = &value;
  pendo_drive(count, [=]() { return count->next(out); });
  return value.integer;
}

HeapTuple row_tuple(const Sampling* sampling, std::string_view key) {
  TupleDesc desc = RelationGetDescr(sampling->relation);
  auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<Size>(desc->natts)));
  auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * static_cast<Size>(desc->natts)));
  memset(nulls, true, sizeof(bool) * static_cast<Size>(desc->natts));
  int position = 0;
  ListCell* cell;
  foreach (cell, sampling->attnos) {
    const PendoColumn* column = pendo_column(sampling->table, static_cast<AttrNumber>(lfirst_int(cell)));
    int index = column->attno - 1;
    values[index] = pendo_to_datum(sampling->table, column, sampling->values[position++], key, &nulls[index]);
  }
  return heap_form_tuple(desc, values, nulls);
}

// Keeps each row with the same chance, however many there are.
int keep(Sampling* sampling, double seen, int kept, HeapTuple row) {
  if (kept < sampling->wanted) {
    sampling->rows[kept] = row;
    return kept + 1;
  }
  double place = pendo_random_fraction() * (seen + 1);
  if (place >= sampling->wanted) {
    heap_freetuple(row);
    return kept;
  }
  heap_freetuple(sampling->rows[static_cast<int>(place)]);
  sampling->rows[static_cast<int>(place)] = row;
  return kept;
}

int read_sample(Sampling* sampling, int64 total) {
  MemoryContext context = CurrentMemoryContext;
  MemoryContext row_context = AllocSetContextCreate(context, "pendo_fdw sample", ALLOCSET_DEFAULT_SIZES);
  int count = list_length(sampling->attnos);
  auto* columns = static_cast<pendo::ScanColumn*>(palloc0(sizeof(pendo::ScanColumn) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(sampling->table, static_cast<AttrNumber>(list_nth_int(sampling->attnos, i)));
    columns[i] = {column->path, column->json_type};
  }
  sampling->values = static_cast<pendo::Value*>(palloc0(sizeof(pendo::Value) * static_cast<Size>(count + 1)));
  auto* box = pendo_box<pendo::Scan>(context);
  pendo_open_scan(box, sampling->client, sampling->table->object, columns, count, sampling->table->options.call, {});
  pendo::Scan* scan = box->get();
  pendo::Value* values = sampling->values;
  pendo_start_sample(scan, sampling->table->object, total, sampling->wanted);
  int kept = 0;
  for (double seen = 0; pendo_drive(scan, [=]() { return scan->next(values); }) == pendo::Status::kRow; ++seen) {
    MemoryContextSwitchTo(row_context);
    HeapTuple row = row_tuple(sampling, scan->row_key());
    MemoryContextSwitchTo(context);
    kept = keep(sampling, seen, kept, heap_copytuple(row));
    MemoryContextReset(row_context);
  }
  MemoryContextDelete(row_context);
  box->object.reset();
  return kept;
}

List* columns_of_interest(const PendoTable* table) {
  List* attnos = NIL;
  for (int i = 0; i < table->ncolumns; ++i) {
    if (table->columns[i].attno) attnos = lappend_int(attnos, table->columns[i].attno);
  }
  return attnos;
}

int acquire_sample(Relation relation, int elevel, HeapTuple* rows, int wanted, double* total_rows, double* dead_rows) {
  Sampling sampling{};
  sampling.table = pendo_table(RelationGetRelid(relation), InvalidOid);
  // a value that does not convert must not stop ANALYZE
  sampling.table->options.on_bad_value = BadValue::kNull;
  sampling.client = pendo_session_client(sampling.table->server, sampling.table->user, sampling.table->options);
  sampling.relation = relation;
  sampling.rows = rows;
  sampling.wanted = wanted;
  sampling.attnos = columns_of_interest(sampling.table);
  int64 total = count_records(&sampling);
  int kept = read_sample(&sampling, total);
  *total_rows = static_cast<double>(total);
  *dead_rows = 0;
  ereport(elevel, (errmsg("%s: %d of " INT64_FORMAT " records in the sample", sampling.table->name, kept, total)));
  return kept;
}

}  // namespace

// Events have no records to sample.
bool pendoAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc* func, BlockNumber* totalpages) {
  const pendo::ObjectDescriptor* object = pendo_object_of(GetForeignTable(RelationGetRelid(relation)));
  if (!object || object->read != pendo::ReadCall::kRecords) return false;
  *func = acquire_sample;
  *totalpages = static_cast<BlockNumber>(Max(relation->rd_rel->reltuples, 0) / kRecordsPerPage) + 1;
  return true;
}
