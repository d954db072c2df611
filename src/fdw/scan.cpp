// Executing scans: the core yields Values, they become Datums in the scan slot.
#include "fdw/scan.h"

#include "bridge/bridge.h"
#include "bridge/open.h"
#include "core/event_counts.h"
#include "core/record_count.h"
#include "core/scan.h"
#include "fdw/datum.h"
#include "fdw/filter.h"
#include "fdw/kept_table.h"
#include "fdw/order.h"
#include "fdw/run.h"
#include "fdw/plan.h"
#include "fdw/session.h"
#include "fdw/window.h"

extern "C" {
#include "utils/datum.h"
}

namespace {

struct RunningScan {
  // from the plan
  const PendoTable* table;
  ScanMode mode;
  List* attnos;
  const char* why_reads;
  bool why_is_count;          // why a count is made here
  ExprState* key_expression;  // nullptr for ScanMode::kAll and kCount
  bool many_keys;             // it is an array
  List* filter;               // a condition tree, or NIL
  List* filter_exprs;
  List* filter_states;
  List* count_quals;          // of kCount
  pendo::SortOrder order;
  const PendoColumn* sorted_by;  // another column than the key, or nullptr
  bool in_order;
  int first_rows;

  // running
  PendoBox<pendo::Scan>* scan;               // visitors, accounts
  PendoBox<pendo::EventCounts>* counts;      // track_event_counts
  PendoBox<pendo::RecordCount>* record_count;  // ScanMode::kCount
  pendo::RowSource* rows;    // whichever of the three is open
  pendo::Value* values;      // by position in attnos
  bool started;
  bool finished;
  bool counts_there;         // of kCount: by Pendo
  TupleTableSlot* row_slot;  // of kCount, where Pendo does not count: a row of the table,
  ExprState* row_quals;      // what it has to meet,
  int64 counted;             // and how many did so far
  Datum* keys;               // palloc'd in start_context
  int key_count;
  int next_key;              // of kBlind
  MemoryContext start_context;  // what a start needs, reset per rescan
};

RunningScan* state_of(ForeignScanState* node) { return static_cast<RunningScan*>(node->fdw_state); }

bool shows_counts(const RunningScan* state) { return state->table->object->read == pendo::ReadCall::kEventCounts; }

pendo::ScanColumn* columns_of(const RunningScan* state) {
  int count = list_length(state->attnos);
  auto* columns = static_cast<pendo::ScanColumn*>(palloc0(sizeof(pendo::ScanColumn) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, i)));
    columns[i] = {column->path, column->json_type};
  }
  return columns;
}

// Opens what yields the rows; tied to the query, not to this call.
void open_rows(RunningScan* state, MemoryContext context) {
  int count = list_length(state->attnos);
  pendo::ScanColumn* columns = columns_of(state);
  // a scan runs in the per-tuple context, which is reset under these
  state->values = static_cast<pendo::Value*>(MemoryContextAllocZero(context, sizeof(pendo::Value) * static_cast<Size>(count + 1)));
  PendoClientRef* client = pendo_session_client(state->table->server, state->table->user, state->table->options);
  const pendo::CallOptions& call = state->table->options.call;
  if (state->mode == ScanMode::kCount && state->counts_there) {
    state->record_count = pendo_box<pendo::RecordCount>(context);
    pendo_open_record_count(state->record_count, client, state->table->object, call);
    state->rows = state->record_count->get();
    return;
  }
  if (shows_counts(state)) {
    state->counts = pendo_box<pendo::EventCounts>(context);
    pendo_open_counts(state->counts, client, state->table->object, columns, count, call, pendo_count_period(state->table));
    state->rows = state->counts->get();
    return;
  }
  state->scan = pendo_box<pendo::Scan>(context);
  pendo_open_scan(state->scan, client, state->table->object, columns, count, call, state->order);
  state->rows = state->scan->get();
}

const pendo::Condition* condition_of(const RunningScan* state, ExprContext* context, bool explain) {
  return pendo_condition(state->table, state->filter, state->filter_exprs, state->filter_states, context, explain);
}

void start_keys(RunningScan* state) {
  auto* keys = static_cast<std::string_view*>(palloc(sizeof(std::string_view) * static_cast<Size>(state->key_count)));
  for (int i = 0; i < state->key_count; ++i) keys[i] = pendo_key_text(state->keys[i]);
  pendo_start_keys(state->scan->get(), keys, state->key_count);
}

// Starts the source of the rows. False: there are none.
bool start_rows(RunningScan* state, const pendo::Condition* condition) {
  if (state->counts) {
    PendoWindow window = pendo_window(state->table, condition);
    return pendo_start_counts(state->counts->get(), condition, window, pendo_count_period(state->table), pendo_pushdown);
  }
  if (state->key_expression) {
    start_keys(state);
    return true;
  }
  if (state->counts_there) return pendo_start_count(state->record_count->get(), condition);
  return pendo_start_scan(state->scan->get(), condition, state->in_order, state->first_rows);
}

int compare_keys(const void* a, const void* b) {
  text* left = DatumGetTextPP(*static_cast<const Datum*>(a));
  text* right = DatumGetTextPP(*static_cast<const Datum*>(b));
  size_t left_size = VARSIZE_ANY_EXHDR(left);
  size_t right_size = VARSIZE_ANY_EXHDR(right);
  int order = memcmp(VARDATA_ANY(left), VARDATA_ANY(right), Min(left_size, right_size));
  return order ? order : (left_size > right_size) - (left_size < right_size);
}

// NULLs equal nothing, and a key that comes twice is one row.
void set_keys_of_array(RunningScan* state, Datum array) {
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &state->keys, &nulls, &count);
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (!nulls[i]) state->keys[kept++] = state->keys[i];
  }
  qsort(state->keys, static_cast<size_t>(kept), sizeof(Datum), compare_keys);
  for (int i = 0; i < kept; ++i) {
    bool repeated = i > 0 && compare_keys(&state->keys[state->key_count - 1], &state->keys[i]) == 0;
    if (!repeated) state->keys[state->key_count++] = state->keys[i];
  }
}

// Evaluates the key expression; no key is left where it is NULL.
void find_keys(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  bool isnull = false;
  state->key_count = state->next_key = 0;
  Datum value = ExecEvalExpr(state->key_expression, node->ss.ps.ps_ExprContext, &isnull);
  if (!isnull && state->many_keys) {
    set_keys_of_array(state, value);
  } else if (!isnull) {
    state->keys = static_cast<Datum*>(palloc(sizeof(Datum)));
    state->keys[0] = datumCopy(value, false, -1);
    state->key_count = 1;
  }
}

// What yields the rows is opened at the first start. A count that Pendo cannot
// make exactly with these values is made from the rows.
void choose_source(ForeignScanState* node, const pendo::Condition* condition) {
  RunningScan* state = state_of(node);
  MemoryContext query = node->ss.ps.state->es_query_cxt;
  if (state->mode == ScanMode::kCount) {
    bool unfiltered = condition->kind == pendo::ConditionKind::kAnything;
    state->counts_there = unfiltered || pendo::is_exact(*condition);
    state->rows = !state->counts_there  ? static_cast<pendo::RowSource*>(state->scan ? state->scan->get() : nullptr)
                  : state->record_count ? state->record_count->get()
                                        : nullptr;
  }
  if (!state->rows) open_rows(state, query);
}

void start(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  state->started = true;
  state->counted = 0;
  MemoryContext old = MemoryContextSwitchTo(state->start_context);
  if (state->key_expression) find_keys(node);
  state->finished = state->key_expression && state->key_count == 0;
  if (!state->finished && state->mode != ScanMode::kBlind) {
    const pendo::Condition* condition = condition_of(state, node->ss.ps.ps_ExprContext, false);
    choose_source(node, condition);
    state->finished = !start_rows(state, condition);
  }
  MemoryContextSwitchTo(old);
}

// To leave out what the column cannot hold would be to lose the record in silence.
void check_length(const RunningScan* state, const PendoColumn* column, Datum key) {
  if (column->type != VARCHAROID || column->typmod < 0) return;
  text* value = DatumGetTextPP(key);
  auto length = static_cast<int>(VARSIZE_ANY_EXHDR(value));
  int limit = column->typmod - VARHDRSZ;
  if (pg_mbstrlen_with_len(VARDATA_ANY(value), length) <= limit) return;
  ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                  errmsg("column \"%s\" of %s cannot hold the id \"%s\": it is longer than %d characters", column->name, state->table->name,
                         pnstrdup(VARDATA_ANY(value), pg_mbcliplen(VARDATA_ANY(value), length, 100)), limit),
                  errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE text; holds every id.", state->table->name, quote_identifier(column->name))));
}

// An UPDATE's target: the keys that the join or the condition gave, every other
// column NULL.
TupleTableSlot* blind_row(RunningScan* state, TupleTableSlot* slot) {
  const PendoColumn* column = pendo_column(state->table, state->table->key);
  state->finished = state->next_key == state->key_count;
  if (state->finished) return slot;
  Datum key = state->keys[state->next_key++];
  check_length(state, column, key);
  memset(slot->tts_isnull, true, sizeof(bool) * static_cast<Size>(slot->tts_tupleDescriptor->natts));
  slot->tts_values[column->attno - 1] = key;
  slot->tts_isnull[column->attno - 1] = false;
  return ExecStoreVirtualTuple(slot);
}

// Every column of a count's row is the count.
TupleTableSlot* fill_counts(int64 count, TupleTableSlot* slot) {
  for (int i = 0; i < slot->tts_tupleDescriptor->natts; ++i) {
    slot->tts_values[i] = Int64GetDatum(count);
    slot->tts_isnull[i] = false;
  }
  return ExecStoreVirtualTuple(slot);
}

// The columns that are JSON, or the others.
void fill_columns(RunningScan* state, TupleTableSlot* slot, bool json) {
  int position = 0;
  ListCell* cell;
  foreach (cell, state->attnos) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(lfirst_int(cell)));
    const pendo::Value& value = state->values[position++];
    if ((column->json_type == pendo::ColumnType::kJson) != json) continue;
    int index = column->attno - 1;
    slot->tts_values[index] = pendo_to_datum(state->table, column, value, state->rows->row_key(), &slot->tts_isnull[index]);
  }
}

const char* key_text(const pendo::RowSource* rows) {
  std::string_view key = rows->row_key();
  return pendo_message_text(key.data(), key.size());
}

[[noreturn]] void report_disorder(const RunningScan* state) {
  const PendoColumn* column = state->sorted_by;
  ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                  errmsg("Pendo cannot sort by column \"%s\" of %s: what it holds in \"%s\" of \"%s\" is not of the column's type", column->name,
                         state->table->name, column->path, key_text(state->rows)),
                  column->promised ? errdetail("Its option strict_type 'true' promises that Pendo has values of type %s there, or none.",
                                               format_type_with_typemod(column->type, column->typmod))
                                   : 0,
                  column->promised ? errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s OPTIONS (DROP strict_type); or SET pendo_fdw.pushdown = off; then rows are sorted here.",
                                             state->table->name, quote_identifier(column->name))
                                   : errhint("SET pendo_fdw.pushdown = off; then rows are sorted here.")));
  pg_unreachable();
}

// Pendo sorts what is no number among the nulls. A row that is a null there but
// has a value here, or the other way round, is out of its place.
void check_place(const RunningScan* state, const TupleTableSlot* slot) {
  if (!state->sorted_by) return;
  bool has_value = !slot->tts_isnull[state->sorted_by->attno - 1];
  if (has_value != state->scan->get()->sorted_as_number()) report_disorder(state);
}

// JSON comes last: parsing it takes much memory, what the others took is free then.
TupleTableSlot* fill_slot(RunningScan* state, TupleTableSlot* slot) {
  memset(slot->tts_isnull, true, sizeof(bool) * static_cast<Size>(slot->tts_tupleDescriptor->natts));
  fill_columns(state, slot, false);
  state->rows->texts_taken();
  fill_columns(state, slot, true);
  state->rows->row_taken();
  check_place(state, slot);
  return ExecStoreVirtualTuple(slot);
}

void set_order(RunningScan* state, List* order) {
  state->in_order = order != NIL;
  if (!order) return;
  const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(order, kOrderAttno)));
  bool is_brought = list_member_int(state->attnos, column->attno);
  if (!column->is_key && is_brought) state->sorted_by = column;
  if (!column->is_key) state->order.path = column->path;
  state->order.descending = list_nth_int(order, kOrderDescending) != 0;
  state->order.nulls_first = list_nth_int(order, kOrderNullsFirst) != 0;
}

void set_expressions(RunningScan* state, ForeignScan* plan, PlanState* parent) {
  List* exprs = plan->fdw_exprs;
  if (state->mode == ScanMode::kLookup || state->mode == ScanMode::kBlind) {
    state->key_expression = ExecInitExpr(static_cast<Expr*>(linitial(exprs)), parent);
    exprs = list_copy_tail(exprs, 1);
  }
  if (state->mode == ScanMode::kBlind) return;
  state->filter_exprs = exprs;
  state->filter_states = ExecInitExprList(exprs, parent);
}

// What other nodes handed over may be gone after the run.
const pendo::Condition* condition_for_explain(ForeignScanState* node) {
  return condition_of(state_of(node), node->ss.ps.ps_ExprContext, true);
}

const char* mode_text(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  switch (state->mode) {
    case ScanMode::kBlind: return "keyed update, reads no record";
    case ScanMode::kLookup: return state->many_keys ? "records by their keys" : "one record by its key";
    case ScanMode::kCount: return "number of records";
    default: break;
  }
  if (shows_counts(state)) return pendo_window_text(state->table, condition_for_explain(node));
  return state->filter ? "records that match" : "all records";
}

// The call as it goes out, at first.
const char* call_text(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  const pendo::Condition* condition = condition_for_explain(node);
  if (state->mode == ScanMode::kCount) return pendo_describe_count(state->table, condition);
  pendo::ScanColumn* columns = columns_of(state);
  int count = list_length(state->attnos);
  if (shows_counts(state)) {
    return pendo_describe_counts(state->table, columns, count, condition, pendo_window_borders(state->table, condition), pendo_pushdown);
  }
  return pendo_describe_scan(state->table, columns, count, condition, state->order, state->first_rows);
}

pendo::Status next_row(RunningScan* state) {
  pendo::RowSource* rows = state->rows;
  pendo::Value* values = state->values;
  return pendo_drive(rows, [=]() { return rows->next(values); });
}

// The rows that meet the conditions, which are those of a scan of the table:
// this node itself has no table.
void count_rows(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  if (!state->row_slot) {
    Relation relation = table_open(state->table->relid, NoLock);
    state->row_slot = ExecInitExtraTupleSlot(node->ss.ps.state, CreateTupleDescCopy(RelationGetDescr(relation)), &TTSOpsVirtual);
    table_close(relation, NoLock);
    state->row_quals = ExecInitQual(state->count_quals, &node->ss.ps);
  }
  TupleTableSlot* slot = state->row_slot;
  ExprContext* context = node->ss.ps.ps_ExprContext;
  context->ecxt_scantuple = slot;
  while (next_row(state) == pendo::Status::kRow) {
    ResetExprContext(context);
    MemoryContext old = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
    ExecClearTuple(slot);
    fill_slot(state, slot);
    MemoryContextSwitchTo(old);
    if (ExecQual(state->row_quals, context)) ++state->counted;
  }
}

// One row; no row that matches is a count too.
TupleTableSlot* count_row(ForeignScanState* node, TupleTableSlot* slot) {
  RunningScan* state = state_of(node);
  bool nothing = state->finished;
  state->finished = true;
  if (nothing) return fill_counts(0, slot);
  if (!state->counts_there) {
    MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
    count_rows(node);
    MemoryContextSwitchTo(old);
    return fill_counts(state->counted, slot);
  }
  next_row(state);
  return fill_counts(state->values[0].integer, slot);
}

}  // namespace

void pendoBeginForeignScan(ForeignScanState* node, int eflags) {
  auto* plan = castNode(ForeignScan, node->ss.ps.plan);
  auto* state = static_cast<RunningScan*>(palloc0(sizeof(RunningScan)));
  node->fdw_state = state;
  List* fdw_private = plan->fdw_private;
  Oid relid = static_cast<Oid>(intVal(list_nth(fdw_private, kScanTable)));
  state->table = pendo_kept_table(relid, static_cast<Oid>(intVal(list_nth(fdw_private, kScanUser))), nullptr);
  state->mode = static_cast<ScanMode>(intVal(list_nth(fdw_private, kScanMode)));
  state->attnos = static_cast<List*>(list_nth(fdw_private, kScanColumns));
  state->why_reads = strVal(list_nth(fdw_private, kScanWhyReads));
  state->why_is_count = intVal(list_nth(fdw_private, kScanWhyIsCount)) != 0;
  state->many_keys = intVal(list_nth(fdw_private, kScanManyKeys)) != 0;
  state->filter = static_cast<List*>(list_nth(fdw_private, kScanFilter));
  state->count_quals = static_cast<List*>(list_nth(fdw_private, kScanCountQuals));
  state->first_rows = intVal(list_nth(fdw_private, kScanFirstRows));
  set_order(state, static_cast<List*>(list_nth(fdw_private, kScanOrder)));
  set_expressions(state, plan, &node->ss.ps);
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  if (state->mode != ScanMode::kBlind) pendo_refuse_unsent(state->table);
  state->start_context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt, "pendo_fdw start", ALLOCSET_SMALL_SIZES);
}

// The first call sends; none before it, so that a branch that is never run
// costs nothing.
TupleTableSlot* pendoIterateForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  TupleTableSlot* slot = node->ss.ss_ScanTupleSlot;
  ExecClearTuple(slot);
  bool first = !state->started;
  if (first) start(node);
  if (first && state->mode == ScanMode::kCount) return count_row(node, slot);
  if (state->finished) return slot;
  if (state->mode == ScanMode::kBlind) return blind_row(state, slot);
  state->finished = next_row(state) != pendo::Status::kRow;
  return state->finished ? slot : fill_slot(state, slot);
}

void pendoReScanForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  state->started = state->finished = false;
  if (state->start_context) MemoryContextReset(state->start_context);
}

// Everything is owned by the query's context; ending early drops the transfer.
void pendoEndForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  if (!state) return;
  if (state->scan) state->scan->object.reset();
  if (state->counts) state->counts->object.reset();
  if (state->record_count) state->record_count->object.reset();
  state->rows = nullptr;
}

void pendoExplainForeignScan(ForeignScanState* node, ExplainState* es) {
  RunningScan* state = state_of(node);
  ExplainPropertyText("Pendo", mode_text(node), es);
  if (state->why_reads[0]) ExplainPropertyText(state->why_is_count ? "Counts here because" : "Reads because", state->why_reads, es);
  bool has_call = state->mode == ScanMode::kAll || state->mode == ScanMode::kCount;
  if (es->verbose && has_call) ExplainPropertyText("Pendo call", call_text(node), es);
  if (!es->analyze || !state->rows) return;
  pendo_explain_counts(state->rows, es);
}

void pendo_explain_counts(const pendo::RowSource* rows, ExplainState* es) {
  const pendo::ScanCounts& counts = rows->counts();
  ExplainPropertyInteger("Pendo Requests", nullptr, counts.requests, es);
  ExplainPropertyInteger("Pendo Retries", nullptr, counts.retries, es);
  ExplainPropertyInteger("Pendo Bytes", nullptr, counts.bytes, es);
  if (!es->verbose) return;
  ExplainPropertyInteger("Pendo Records", nullptr, counts.rows, es);
  ExplainPropertyInteger("Pendo Wire Bytes", nullptr, counts.wire_bytes, es);
  if (es->timing) ExplainPropertyFloat("Pendo Waiting", "ms", rows->waiting_ms(), 1, es);
}
