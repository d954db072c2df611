// PostgreSQL's headers for the wrapper, and the differences between 15 and 18
// that the rest need not know.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "common/pg_prng.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/inherit.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/partcache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif
}

// Wait events of extensions have names of their own from 17 on.
inline uint32 pendo_wait_event() {
#if PG_VERSION_NUM >= 170000
  static uint32 event = 0;
  if (event == 0) event = WaitEventExtensionNew("PendoCall");
  return event;
#else
  return PG_WAIT_EXTENSION;
#endif
}

inline ForeignPath* pendo_foreignscan_path(PlannerInfo* root, RelOptInfo* rel, double rows, int disabled,
                                           Cost startup, Cost total, List* pathkeys, Relids outer, List* fdw_private) {
#if PG_VERSION_NUM >= 180000
  return create_foreignscan_path(root, rel, nullptr, rows, disabled, startup, total, pathkeys, outer, nullptr, NIL,
                                 fdw_private);
#elif PG_VERSION_NUM >= 170000
  (void)disabled;
  return create_foreignscan_path(root, rel, nullptr, rows, startup, total, pathkeys, outer, nullptr, NIL, fdw_private);
#else
  (void)disabled;
  return create_foreignscan_path(root, rel, nullptr, rows, startup, total, pathkeys, outer, nullptr, fdw_private);
#endif
}

inline ForeignPath* pendo_upper_path(PlannerInfo* root, RelOptInfo* rel, PathTarget* target, double rows, Cost startup,
                                     Cost total, List* fdw_private) {
#if PG_VERSION_NUM >= 180000
  return create_foreign_upper_path(root, rel, target, rows, 0, startup, total, NIL, nullptr, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
  return create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, nullptr, NIL, fdw_private);
#else
  return create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, nullptr, fdw_private);
#endif
}

inline bool pendo_is_descending(const PathKey* key) {
#if PG_VERSION_NUM >= 180000
  return key->pk_cmptype == COMPARE_GT;
#else
  return key->pk_strategy == BTGreaterStrategyNumber;
#endif
}

inline double pendo_array_length(PlannerInfo* root, Node* array) {
#if PG_VERSION_NUM >= 170000
  return estimate_array_length(root, array);
#else
  (void)root;
  return estimate_array_length(array);
#endif
}

// The columns that an UPDATE sets, generated ones included.
inline Bitmapset* pendo_updated_columns(PlannerInfo* root, RelOptInfo* rel) {
#if PG_VERSION_NUM >= 160000
  return get_rel_all_updated_cols(root, rel);
#else
  RangeTblEntry* rte = planner_rt_fetch(rel->relid, root);
  return bms_union(rte->updatedCols, rte->extraUpdatedCols);
#endif
}

// The user whose rights and user mapping count for a relation of a plan, or
// InvalidOid: whoever runs it. A cached plan may be run by others than planned it.
inline Oid pendo_checked_user(const PlannerInfo* root, const RelOptInfo* rel) {
#if PG_VERSION_NUM >= 160000
  (void)root;
  return rel->userid;
#else
  RangeTblEntry* rte = planner_rt_fetch(rel->relid, root);
  return rte->checkAsUser;
#endif
}

inline bool pendo_returning_needs_old(const Node* returning) {
#if PG_VERSION_NUM >= 180000
  return contain_vars_returning_old_or_new(const_cast<Node*>(returning));
#else
  (void)returning;
  return false;
#endif
}

// PostgreSQL's macros for it, without ++ on a volatile, which C++20 deprecates. An
// ERROR lets go, too.
inline void pendo_hold_cancel() { QueryCancelHoldoffCount = QueryCancelHoldoffCount + 1; }
inline void pendo_resume_cancel() { QueryCancelHoldoffCount = QueryCancelHoldoffCount - 1; }

// From 0 up to, not including, 1.
inline double pendo_random_fraction() { return pg_prng_double(&pg_global_prng_state); }

using PendoWalker = bool (*)(Node*, void*);
inline bool pendo_walk_expression(Node* node, PendoWalker walker, void* context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_walker(node, walker, context);
#else
  return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker)), context);
#endif
}
