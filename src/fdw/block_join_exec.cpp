// A block: so many rows of the other side, their keys asked for, then joined
// one by one. The first block is small, since a LIMIT may want no more.
#include "fdw/block_join_exec.h"

#include "bridge/bridge.h"
#include "bridge/open.h"
#include "fdw/block_join.h"
#include "fdw/datum.h"
#include "fdw/run.h"
#include "fdw/scan.h"
#include "fdw/session.h"
#include "fdw/table.h"

extern "C" {
#include "utils/tuplestore.h"
}

namespace {

constexpr int kFirstBlock = 10;
constexpr int kSecondBlock = 100;
constexpr int kFullBlock = 500;
constexpr long long kManyBytes = 4 << 20;  // of one block: the next one is smaller

struct FetchedRow {
  std::string_view key;
  Datum* values;
  bool* nulls;
};

struct BlockJoinState {
  CustomScanState css;  // first: it is this that the executor sees

  PendoTable* table;
  List* attnos;         // of the columns that are brought
  int outer_columns;
  bool keeps_outer;
  ExprState* key;

  PendoBox<pendo::Scan>* scan;
  pendo::Value* values;
  Tuplestorestate* block;         // rows of the other side
  TupleTableSlot* outer_slot;     // to read them again
  MemoryContext block_context;    // keys and rows of the block at hand
  std::string_view* keys;         // by row of the block; data() nullptr: NULL
  FetchedRow* rows;               // sorted by key
  int row_count;
  int block_rows;
  int next_row;
  int block_size;
  bool outer_done;
};

BlockJoinState* state_of(CustomScanState* node) { return reinterpret_cast<BlockJoinState*>(node); }

PlanState* outer_of(BlockJoinState* state) { return static_cast<PlanState*>(linitial(state->css.custom_ps)); }

void set_outer_columns(const BlockJoinState* state, TupleTableSlot* scan_slot, TupleTableSlot* outer) {
  slot_getallattrs(outer);
  memcpy(scan_slot->tts_values, outer->tts_values, sizeof(Datum) * static_cast<Size>(state->outer_columns));
  memcpy(scan_slot->tts_isnull, outer->tts_isnull, sizeof(bool) * static_cast<Size>(state->outer_columns));
}

void clear_inner_columns(const BlockJoinState* state, TupleTableSlot* scan_slot) {
  int count = list_length(state->attnos);
  memset(scan_slot->tts_isnull + state->outer_columns, true, sizeof(bool) * static_cast<Size>(count));
}

// The key that a row of the other side asks for.
std::string_view key_of(BlockJoinState* state, TupleTableSlot* outer) {
  TupleTableSlot* scan_slot = state->css.ss.ss_ScanTupleSlot;
  ExprContext* context = state->css.ss.ps.ps_ExprContext;
  ExecClearTuple(scan_slot);
  set_outer_columns(state, scan_slot, outer);
  clear_inner_columns(state, scan_slot);
  ExecStoreVirtualTuple(scan_slot);
  context->ecxt_scantuple = scan_slot;
  bool isnull = false;
  Datum key = ExecEvalExprSwitchContext(state->key, context, &isnull);
  if (isnull) return {};
  MemoryContext old = MemoryContextSwitchTo(state->block_context);
  std::string_view text = pendo_key_text(key);
  char* copy = static_cast<char*>(palloc(text.size() + 1));
  memcpy(copy, text.data(), text.size());
  MemoryContextSwitchTo(old);
  ResetExprContext(context);
  return {copy, text.size()};
}

// The next rows of the other side and their keys.
void collect(BlockJoinState* state) {
  MemoryContextReset(state->block_context);
  tuplestore_clear(state->block);
  state->keys = static_cast<std::string_view*>(MemoryContextAlloc(state->block_context, sizeof(std::string_view) * static_cast<Size>(state->block_size)));
  state->block_rows = state->next_row = state->row_count = 0;
  while (state->block_rows < state->block_size) {
    TupleTableSlot* outer = ExecProcNode(outer_of(state));
    if (TupIsNull(outer)) {
      state->outer_done = true;
      return;
    }
    tuplestore_puttupleslot(state->block, outer);
    state->keys[state->block_rows++] = key_of(state, outer);
  }
}

void open_scan(BlockJoinState* state) {
  int count = list_length(state->attnos);
  MemoryContext query = state->css.ss.ps.state->es_query_cxt;
  auto* columns = static_cast<pendo::ScanColumn*>(palloc0(sizeof(pendo::ScanColumn) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, i)));
    columns[i] = {column->path, column->json_type};
  }
  state->values = static_cast<pendo::Value*>(MemoryContextAllocZero(query, sizeof(pendo::Value) * static_cast<Size>(count + 1)));
  PendoClientRef* client = pendo_session_client(state->table->server, state->table->user, state->table->options);
  state->scan = pendo_box<pendo::Scan>(query);
  pendo_open_scan(state->scan, client, state->table->object, columns, count, state->table->options.call, {});
}

void keep_row(BlockJoinState* state, std::string_view key) {
  int count = list_length(state->attnos);
  FetchedRow* row = &state->rows[state->row_count++];
  char* copy = static_cast<char*>(palloc(key.size() + 1));
  memcpy(copy, key.data(), key.size());
  row->key = {copy, key.size()};
  row->values = static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<Size>(count + 1)));
  row->nulls = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, i)));
    row->values[i] = pendo_to_datum(state->table, column, state->values[i], key, &row->nulls[i]);
  }
}

int compare_rows(const void* a, const void* b) {
  return static_cast<const FetchedRow*>(a)->key.compare(static_cast<const FetchedRow*>(b)->key);
}

// Asks for the records of the block's keys.
void fetch(BlockJoinState* state) {
  MemoryContext old = MemoryContextSwitchTo(state->block_context);
  auto* wanted = static_cast<std::string_view*>(palloc(sizeof(std::string_view) * static_cast<Size>(Max(state->block_rows, 1))));
  int count = 0;
  for (int i = 0; i < state->block_rows; ++i) {
    if (state->keys[i].data()) wanted[count++] = state->keys[i];
  }
  state->rows = static_cast<FetchedRow*>(palloc(sizeof(FetchedRow) * static_cast<Size>(Max(count, 1))));
  if (count > 0) {
    if (!state->scan) open_scan(state);
    pendo::Scan* scan = state->scan->get();
    pendo::Value* values = state->values;
    pendo_start_keys(scan, wanted, count);
    while (pendo_drive(scan, [=]() { return scan->next(values); }) == pendo::Status::kRow) keep_row(state, scan->row_key());
    qsort(state->rows, static_cast<size_t>(state->row_count), sizeof(FetchedRow), compare_rows);
  }
  MemoryContextSwitchTo(old);
}

int next_block_size(const BlockJoinState* state, long long bytes) {
  if (bytes > kManyBytes) return Max(1, state->block_size / 2);
  return state->block_size == kFirstBlock ? kSecondBlock : kFullBlock;
}

long long bytes_so_far(const BlockJoinState* state) { return state->scan ? state->scan->get()->counts().bytes : 0; }

void next_block(BlockJoinState* state) {
  long long before = bytes_so_far(state);
  collect(state);
  fetch(state);
  state->block_size = next_block_size(state, bytes_so_far(state) - before);
}

const FetchedRow* find_row(const BlockJoinState* state, std::string_view key) {
  if (!key.data() || state->row_count == 0) return nullptr;
  FetchedRow wanted = {key, nullptr, nullptr};
  return static_cast<const FetchedRow*>(bsearch(&wanted, state->rows, static_cast<size_t>(state->row_count), sizeof(FetchedRow), compare_rows));
}

// The next joined row, or an empty slot.
TupleTableSlot* next_joined(ScanState* node) {
  auto* state = state_of(reinterpret_cast<CustomScanState*>(node));
  TupleTableSlot* slot = node->ss_ScanTupleSlot;
  for (;;) {
    ExecClearTuple(slot);
    if (state->next_row >= state->block_rows) {
      if (state->outer_done) return slot;
      next_block(state);
      continue;
    }
    CHECK_FOR_INTERRUPTS();
    if (!tuplestore_gettupleslot(state->block, true, false, state->outer_slot)) elog(ERROR, "pendo_fdw: a row of the block is gone");
    const FetchedRow* row = find_row(state, state->keys[state->next_row++]);
    if (!row && !state->keeps_outer) continue;
    ExecClearTuple(slot);
    set_outer_columns(state, slot, state->outer_slot);
    clear_inner_columns(state, slot);
    int count = list_length(state->attnos);
    if (row) {
      memcpy(slot->tts_values + state->outer_columns, row->values, sizeof(Datum) * static_cast<Size>(count));
      memcpy(slot->tts_isnull + state->outer_columns, row->nulls, sizeof(bool) * static_cast<Size>(count));
    }
    return ExecStoreVirtualTuple(slot);
  }
}

bool recheck(ScanState*, TupleTableSlot*) { return true; }

void begin(CustomScanState* node, EState* estate, int eflags) {
  BlockJoinState* state = state_of(node);
  auto* scan = castNode(CustomScan, node->ss.ps.plan);
  List* fdw_private = scan->custom_private;
  auto* child = static_cast<Plan*>(linitial(scan->custom_plans));
  // it is read from the start again by a rescan, which it must allow anyway
  node->custom_ps = list_make1(ExecInitNode(child, estate, eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)));
  state->table = pendo_table(static_cast<Oid>(intVal(list_nth(fdw_private, kBlockTable))), static_cast<Oid>(intVal(list_nth(fdw_private, kBlockUser))));
  state->attnos = static_cast<List*>(list_nth(fdw_private, kBlockColumns));
  state->outer_columns = intVal(list_nth(fdw_private, kBlockOuterColumns));
  state->keeps_outer = intVal(list_nth(fdw_private, kBlockKeepsOuter)) != 0;
  state->key = ExecInitExpr(static_cast<Expr*>(linitial(scan->custom_exprs)), &node->ss.ps);
  state->block_size = kFirstBlock;
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  pendo_refuse_unsent(state->table);
  state->block = tuplestore_begin_heap(false, false, work_mem);
  state->outer_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(outer_of(state)), &TTSOpsMinimalTuple);
  state->block_context = AllocSetContextCreate(estate->es_query_cxt, "pendo_fdw block", ALLOCSET_DEFAULT_SIZES);
}

TupleTableSlot* exec(CustomScanState* node) { return ExecScan(&node->ss, next_joined, recheck); }

void end(CustomScanState* node) {
  BlockJoinState* state = state_of(node);
  if (state->scan) state->scan->object.reset();
  if (state->block) tuplestore_end(state->block);
  ExecEndNode(outer_of(state));
}

void rescan(CustomScanState* node) {
  BlockJoinState* state = state_of(node);
  state->block_rows = state->next_row = 0;
  state->outer_done = false;
  state->block_size = kFirstBlock;
  PlanState* outer = outer_of(state);
  if (node->ss.ps.chgParam) UpdateChangedParamSet(outer, node->ss.ps.chgParam);
  if (!outer->chgParam) ExecReScan(outer);
  ExecScanReScan(&node->ss);
}

void explain(CustomScanState* node, List*, ExplainState* es) {
  BlockJoinState* state = state_of(node);
  ExplainPropertyText("Pendo", psprintf("records of %s by the keys of the other side, up to %d a call", state->table->name, kFullBlock), es);
  if (!es->analyze || !state->scan) return;
  pendo_explain_counts(state->scan->get(), es);
}

CustomExecMethods exec_methods() {
  CustomExecMethods methods{};
  methods.CustomName = "PendoBlockJoin";
  methods.BeginCustomScan = begin;
  methods.ExecCustomScan = exec;
  methods.EndCustomScan = end;
  methods.ReScanCustomScan = rescan;
  methods.ExplainCustomScan = explain;
  return methods;
}

const CustomExecMethods kExecMethods = exec_methods();

}  // namespace

Node* pendo_block_join_state(CustomScan*) {
  auto* state = static_cast<BlockJoinState*>(palloc0(sizeof(BlockJoinState)));
  NodeSetTag(state, T_CustomScanState);
  state->css.methods = &kExecMethods;
  return reinterpret_cast<Node*>(state);
}
