// Executing scans: the core yields Values, they become Datums in the scan slot.
#include "fdw/scan.h"

#include "bridge/bridge.h"
#include "bridge/open.h"
#include "core/event_counts.h"
#include "core/scan.h"
#include "fdw/datum.h"
#include "fdw/plan.h"
#include "fdw/session.h"
#include "fdw/table.h"

extern "C" {
#include "utils/datum.h"
}

namespace {

struct RunningScan {
  // from the plan
  PendoTable* table;
  ScanMode mode;
  List* attnos;
  const char* why_reads;
  ExprState* key_expression;  // nullptr for ScanMode::kAll

  // running
  PendoBox<pendo::Scan>* scan;            // visitors, accounts
  PendoBox<pendo::EventCounts>* counts;   // track_event_counts
  pendo::RowSource* rows;                 // whichever of the two is open
  pendo::Value* values;      // by position in attnos
  bool started;
  bool finished;
  bool many_keys;            // the key expression is an array
  Datum* keys;               // palloc'd in key_context
  int key_count;
  int next_key;
  MemoryContext key_context; // reset per rescan
};

RunningScan* state_of(ForeignScanState* node) { return static_cast<RunningScan*>(node->fdw_state); }

constexpr int64 kEpochShiftMs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY / 1000;
constexpr int64 kCountsWindowMs = INT64CONST(30) * 86'400'000;

bool shows_counts(const RunningScan* state) { return state->table->object->read == pendo::ReadCall::kEventCounts; }

// Opens what yields the rows; tied to the query, not to this call.
void open_rows(RunningScan* state, MemoryContext context) {
  int count = list_length(state->attnos);
  auto* columns = static_cast<pendo::ScanColumn*>(palloc0(sizeof(pendo::ScanColumn) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, i)));
    columns[i] = {column->path, column->json_type};
  }
  // a scan runs in the per-tuple context, which is reset under these
  state->values = static_cast<pendo::Value*>(MemoryContextAllocZero(context, sizeof(pendo::Value) * static_cast<Size>(count + 1)));
  PendoClientRef* client = pendo_session_client(state->table->server, state->table->user, state->table->options);
  const pendo::CallOptions& call = state->table->options.call;
  if (shows_counts(state)) {
    int64 now_ms = GetCurrentTransactionStartTimestamp() / 1000 + kEpochShiftMs;
    state->counts = pendo_box<pendo::EventCounts>(context);
    pendo_open_counts(state->counts, client, state->table->object, columns, count, call, now_ms - kCountsWindowMs, now_ms);
    state->rows = state->counts->get();
    return;
  }
  state->scan = pendo_box<pendo::Scan>(context);
  pendo_open_scan(state->scan, client, state->table->object, columns, count, call);
  state->rows = state->scan->get();
}

bool start_rows(RunningScan* state) {
  if (state->counts) return state->counts->get()->start();
  pendo::Scan* scan = state->scan->get();
  return state->key_expression ? scan->start_lookup(pendo_key_text(state->keys[state->next_key++])) : scan->start_all();
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
  MemoryContext old = MemoryContextSwitchTo(state->key_context);
  state->key_count = state->next_key = 0;
  Datum value = ExecEvalExpr(state->key_expression, node->ss.ps.ps_ExprContext, &isnull);
  if (!isnull && state->many_keys) {
    set_keys_of_array(state, value);
  } else if (!isnull) {
    state->keys = static_cast<Datum*>(palloc(sizeof(Datum)));
    state->keys[0] = datumCopy(value, false, -1);
    state->key_count = 1;
  }
  MemoryContextSwitchTo(old);
}

bool keys_are_used_up(const RunningScan* state) { return state->key_expression && state->next_key >= state->key_count; }

void start(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  state->started = true;
  if (state->key_expression) find_keys(node);
  state->finished = keys_are_used_up(state);
  if (state->finished || state->mode == ScanMode::kBlind) return;
  if (!state->rows) open_rows(state, node->ss.ps.state->es_query_cxt);
  if (!start_rows(state)) pendo_report(state->rows->failure());
}

bool fits(const PendoColumn* column, Datum key) {
  if (column->type != VARCHAROID || column->typmod < 0) return true;
  text* value = DatumGetTextPP(key);
  return pg_mbstrlen_with_len(VARDATA_ANY(value), static_cast<int>(VARSIZE_ANY_EXHDR(value))) <= column->typmod - VARHDRSZ;
}

// An UPDATE's target: the keys that the join or the condition gave, every other
// column NULL.
TupleTableSlot* blind_row(RunningScan* state, TupleTableSlot* slot) {
  const PendoColumn* column = pendo_column(state->table, state->table->key);
  while (!keys_are_used_up(state)) {
    Datum key = state->keys[state->next_key++];
    if (!fits(column, key)) continue;
    memset(slot->tts_isnull, true, sizeof(bool) * static_cast<Size>(slot->tts_tupleDescriptor->natts));
    slot->tts_values[column->attno - 1] = key;
    slot->tts_isnull[column->attno - 1] = false;
    return ExecStoreVirtualTuple(slot);
  }
  state->finished = true;
  return slot;
}

TupleTableSlot* fill_slot(RunningScan* state, TupleTableSlot* slot) {
  memset(slot->tts_isnull, true, sizeof(bool) * static_cast<Size>(slot->tts_tupleDescriptor->natts));
  int position = 0;
  ListCell* cell;
  foreach (cell, state->attnos) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(lfirst_int(cell)));
    const pendo::Value& value = state->values[position++];
    std::string_view row = state->rows->row_key();
    int index = column->attno - 1;
    slot->tts_values[index] = pendo_to_datum(state->table, column, value, row, &slot->tts_isnull[index]);
  }
  return ExecStoreVirtualTuple(slot);
}

}  // namespace

void pendoBeginForeignScan(ForeignScanState* node, int eflags) {
  auto* plan = castNode(ForeignScan, node->ss.ps.plan);
  auto* state = static_cast<RunningScan*>(palloc0(sizeof(RunningScan)));
  node->fdw_state = state;
  List* fdw_private = plan->fdw_private;
  Oid user = static_cast<Oid>(intVal(list_nth(fdw_private, kScanUser)));
  state->table = pendo_table(RelationGetRelid(node->ss.ss_currentRelation), user);
  state->mode = static_cast<ScanMode>(intVal(list_nth(fdw_private, kScanMode)));
  state->attnos = static_cast<List*>(list_nth(fdw_private, kScanColumns));
  state->why_reads = strVal(list_nth(fdw_private, kScanWhyReads));
  state->many_keys = intVal(list_nth(fdw_private, kScanManyKeys)) != 0;
  if (plan->fdw_exprs) {
    state->key_expression = ExecInitExpr(static_cast<Expr*>(linitial(plan->fdw_exprs)), &node->ss.ps);
  }
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  state->key_context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt, "pendo_fdw key", ALLOCSET_SMALL_SIZES);
}

// The first call sends; none before it, so that a branch that is never run
// costs nothing.
TupleTableSlot* pendoIterateForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  TupleTableSlot* slot = node->ss.ss_ScanTupleSlot;
  ExecClearTuple(slot);
  if (!state->started) start(node);
  if (state->finished) return slot;
  if (state->mode == ScanMode::kBlind) return blind_row(state, slot);
  pendo::RowSource* rows = state->rows;
  pendo::Value* values = state->values;
  for (;;) {
    if (pendo_drive(rows, [=]() { return rows->next(values); }) == pendo::Status::kRow) return fill_slot(state, slot);
    state->finished = !state->key_expression || keys_are_used_up(state);
    if (state->finished) return slot;
    if (!start_rows(state)) pendo_report(rows->failure());
  }
}

void pendoReScanForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  state->started = state->finished = false;
  if (state->key_context) MemoryContextReset(state->key_context);
}

// Everything is owned by the query's context; ending early drops the transfer.
void pendoEndForeignScan(ForeignScanState* node) {
  RunningScan* state = state_of(node);
  if (!state) return;
  if (state->scan) state->scan->object.reset();
  if (state->counts) state->counts->object.reset();
  state->rows = nullptr;
}

void pendoExplainForeignScan(ForeignScanState* node, ExplainState* es) {
  RunningScan* state = state_of(node);
  const char* mode = state->mode == ScanMode::kBlind ? "keyed update, reads no record"
                     : state->mode == ScanMode::kLookup ? (state->many_keys ? "records by their keys" : "one record by its key")
                     : shows_counts(state)              ? "counts per day of the last 30 days"
                                                        : "all records";
  ExplainPropertyText("Pendo", mode, es);
  if (state->why_reads[0]) ExplainPropertyText("Reads because", state->why_reads, es);
  if (es->verbose && state->mode == ScanMode::kAll && !shows_counts(state)) {
    ExplainPropertyText("Pendo call", pendo_describe_scan(state->table->object, state->table, state->attnos), es);
  }
  if (!es->analyze || !state->rows) return;
  const pendo::ScanCounts& counts = state->rows->counts();
  ExplainPropertyInteger("Pendo Requests", nullptr, counts.requests, es);
  ExplainPropertyInteger("Pendo Retries", nullptr, counts.retries, es);
  ExplainPropertyInteger("Pendo Bytes", nullptr, counts.bytes, es);
}
