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
  // of a partition
  EState* estate;
  ExprState* bounds;      // nullptr: every record is a row
  TupleTableSlot* slot;
};

struct Sample {
  double records;  // that came
  double rows;     // of these, the table's own
  int kept;
};

int64 count_records(const PendoTable* table) {
  auto* box = pendo_box<pendo::RecordCount>(CurrentMemoryContext);
  PendoClientRef* client = pendo_session_client(table->server, table->user, table->options);
  pendo_open_record_count(box, client, table->object, table->options.call);
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

// A partition has those records only that are within its bounds, as in a scan.
void find_bounds(Sampling* sampling) {
  if (!sampling->relation->rd_rel->relispartition) return;
  sampling->estate = CreateExecutorState();
  sampling->bounds = ExecPrepareQual(RelationGetPartitionQual(sampling->relation), sampling->estate);
  sampling->slot = MakeSingleTupleTableSlot(RelationGetDescr(sampling->relation), &TTSOpsHeapTuple);
}

bool is_own_row(Sampling* sampling, HeapTuple row) {
  if (!sampling->bounds) return true;
  ExprContext* context = GetPerTupleExprContext(sampling->estate);
  ResetExprContext(context);
  context->ecxt_scantuple = ExecStoreHeapTuple(row, sampling->slot, false);
  bool own = ExecQual(sampling->bounds, context);
  ExecClearTuple(sampling->slot);
  return own;
}

void forget_bounds(Sampling* sampling) {
  if (!sampling->estate) return;
  ExecDropSingleTupleTableSlot(sampling->slot);
  FreeExecutorState(sampling->estate);
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

Sample read_sample(Sampling* sampling, int64 total) {
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
  find_bounds(sampling);
  Sample sample{};
  for (; pendo_drive(scan, [=]() { return scan->next(values); }) == pendo::Status::kRow; ++sample.records) {
    MemoryContextSwitchTo(row_context);
    HeapTuple row = row_tuple(sampling, scan->row_key());
    MemoryContextSwitchTo(context);
    if (is_own_row(sampling, row)) sample.kept = keep(sampling, sample.rows++, sample.kept, heap_copytuple(row));
    MemoryContextReset(row_context);
  }
  forget_bounds(sampling);
  MemoryContextDelete(row_context);
  box->object.reset();
  return sample;
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
  int64 total = count_records(sampling.table);
  Sample sample = read_sample(&sampling, total);
  double share = sample.records > 0 ? sample.rows / sample.records : 1;
  *total_rows = static_cast<double>(total) * share;
  *dead_rows = 0;
  ereport(elevel, (errmsg("%s: %d of " INT64_FORMAT " records in the sample", sampling.table->name, sample.kept, total)));
  return sample.kept;
}

}  // namespace

// Events have no records to sample. Among the children of a parent, a table's
// share of the sample is that of its pages. The number of records is asked for
// where none is known; and for a partition, which keeps of its share of all
// records those within its bounds. As whom: PostgreSQL is not yet the owner here.
bool pendoAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc* func, BlockNumber* totalpages) {
  const pendo::ObjectDescriptor* object = pendo_object_of(GetForeignTable(RelationGetRelid(relation)));
  if (!object || object->read != pendo::ReadCall::kRecords) return false;
  *func = acquire_sample;
  double records = relation->rd_rel->reltuples;
  bool unknown = records < 0 || relation->rd_rel->relispartition;
  if (unknown) records = static_cast<double>(count_records(pendo_table(RelationGetRelid(relation), relation->rd_rel->relowner)));
  *totalpages = static_cast<BlockNumber>(records / kRecordsPerPage) + 1;
  return true;
}
