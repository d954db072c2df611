// Which parts of WHERE can be asked of Pendo. What is sent lets through at
// least the rows that are wanted, and PostgreSQL checks each again, so a scan
// is right whatever Pendo does. A count has no such check: it takes a condition
// that is exact.
#pragma once

#include "fdw/compat.h"
#include "fdw/table.h"

enum class Shippable {
  kLocal,     // not sent
  kSuperset,  // sent; lets other rows through too
  kExact,     // sent; lets through what is wanted and nothing else
};

// One clause on `rel`. Sets `condition` to a tree of Lists (filter.h reads it)
// and adds the expressions of its values to `values`; kLocal: leaves both alone.
Shippable pendo_ship_clause(const RelOptInfo* rel, const PendoTable* table, Expr* clause, List** condition, List** values);

// All of `clauses` (RestrictInfos) under one AND. `condition` NIL: nothing is sent.
Shippable pendo_ship_clauses(const RelOptInfo* rel, const PendoTable* table, List* clauses, List** condition, List** values);

// Is text compared by its bytes under this collation?
bool pendo_collates_by_bytes(Oid collation);

// The leaves and nodes of a condition tree. A node is a List: Integer kind,
// then its parts. A leaf is an integer List.
enum class QualKind { kAnd, kOr, kCompare, kDistinct, kNotDistinct, kAnyOf, kNoneOf, kNull, kNotNull, kNotTrue, kNotFalse, kLike, kStartsWith };
enum QualLeaf { kLeafKind, kLeafAttno, kLeafOp, kLeafValue };  // op: pendo::Comparison; value: index, or -1
