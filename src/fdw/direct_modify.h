// An UPDATE of records whose ids its condition names: one node of the plan makes
// the records, and no row passes through the executor.
#pragma once

#include "fdw/compat.h"

bool pendoPlanDirectModify(PlannerInfo* root, ModifyTable* plan, Index relid, int subplan);
void pendoBeginDirectModify(ForeignScanState* node, int eflags);
TupleTableSlot* pendoIterateDirectModify(ForeignScanState* node);
void pendoEndDirectModify(ForeignScanState* node);
void pendoExplainDirectModify(ForeignScanState* node, ExplainState* es);
