// What the planner decides about a scan and the executor needs to know.
#pragma once

#include "fdw/compat.h"
#include "fdw/table.h"

enum class ScanMode {
  kAll,     // every row
  kLookup,  // the row of one key, or of each of an array
  kBlind,   // target of a keyed UPDATE: yields the key it was given, no call
  kCount,   // the number of rows
};

// What travels in fdw_private of a ForeignScan. fdw_exprs holds the key
// expression, if any, and then the values of the filter, or of the SET columns.
enum ScanPrivateIndex {
  kScanMode,       // Integer: ScanMode
  kScanTable,      // Integer: the foreign table's oid
  kScanColumns,    // integer List: attribute numbers to bring
  kScanUser,       // Integer: whose user mapping; 0: of whoever runs the plan
  kScanWhyReads,   // String: why an UPDATE's scan reads, or a count is made here; or empty
  kScanWhyIsCount, // Integer: 1 where that is about a count
  kScanManyKeys,   // Integer: 1 where the key expression is an array of keys
  kScanFilter,     // List: a condition tree of shippable.h, or NIL
  kScanOrder,      // integer List: see order.h, or NIL
  kScanCountQuals, // List: of kCount, the conditions, should they have to be checked here
  kScanFirstRows,  // Integer: how many rows are likely to be wanted; 0: all
  kScanDirect,     // List: see direct_modify.cpp; only there where the scan is the whole UPDATE
};

// Kept in RelOptInfo.fdw_private while planning.
struct PendoRelState {
  PendoTable* table;
  Oid checked_user;       // InvalidOid: whoever runs the plan
  Bitmapset* needed;      // attribute numbers, offset by FirstLowInvalidHeapAttributeNumber
  bool blind;             // nothing but the key is needed of an UPDATE's target
  const char* why_reads;  // why not, for EXPLAIN
  List* partition_qual;   // of a partition: which rows are its own
  const char* why_counts_here;  // why a count is not Pendo's, for EXPLAIN
};

// The attribute numbers of the columns in `needed` (a Bitmapset with the offset
// of PendoRelState.needed); a whole-row reference means all of them.
List* pendo_columns_to_bring(const PendoTable* table, Bitmapset* needed);

// The decisions of a plan, to be made into fdw_private.
struct ScanDecisions {
  ScanMode mode;
  const PendoRelState* state;
  List* columns;
  const char* why_reads;  // or nullptr
  bool many_keys;
  List* filter;
  List* order;
  List* count_quals;
  int first_rows;
};
List* pendo_scan_private(const ScanDecisions& decisions);

// An ERROR for a column that Pendo does not hold.
void pendo_check_readable(const PendoTable* table, AttrNumber attno);

// GUC pendo_fdw.pushdown.
extern bool pendo_pushdown;

// Do the restrictions name the keys, one or several?
bool pendo_has_key_condition(PlannerInfo* root, const RelOptInfo* rel, AttrNumber key);

void pendoGetForeignRelSize(PlannerInfo* root, RelOptInfo* rel, Oid relid);
void pendoGetForeignPaths(PlannerInfo* root, RelOptInfo* rel, Oid relid);
ForeignScan* pendoGetForeignPlan(PlannerInfo* root, RelOptInfo* rel, Oid relid, ForeignPath* path, List* tlist,
                                 List* clauses, Plan* outer);

// Which columns of `rel` the query needs and whether an UPDATE can do without
// reading: fills needed, blind and why_reads.
void pendo_find_needs(PlannerInfo* root, RelOptInfo* rel, PendoRelState* state);

// The other side of `key = expression`, where the clause is equality of text
// under a deterministic collation and the expression does not use `rel`;
// otherwise nullptr.
Expr* pendo_key_expression(const RelOptInfo* rel, AttrNumber key, const RestrictInfo* clause);

// The array of `key = ANY(array)` under the same conditions, or nullptr.
Expr* pendo_key_array(const RelOptInfo* rel, AttrNumber key, const RestrictInfo* clause);
