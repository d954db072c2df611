// ORDER BY in Pendo.
#pragma once

#include "fdw/plan.h"

// Which column Pendo shall sort by: an integer List of OrderPart. NIL: none.
enum OrderPart { kOrderAttno, kOrderDescending, kOrderNullsFirst };

// As much of the query's order as Pendo can give the rows of `rel`; `pathkeys`
// is the part that they have then. NIL: nothing of it.
List* pendo_sort_order(PlannerInfo* root, RelOptInfo* rel, const PendoTable* table, List** pathkeys);
