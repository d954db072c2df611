// UPDATE of visitors and accounts, INSERT and COPY into track_events.
#pragma once

#include "fdw/compat.h"

void pendoAddForeignUpdateTargets(PlannerInfo* root, Index rtindex, RangeTblEntry* rte, Relation relation);
int pendoIsForeignRelUpdatable(Relation relation);
List* pendoPlanForeignModify(PlannerInfo* root, ModifyTable* plan, Index relid, int subplan);
void pendoBeginForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int subplan, int eflags);
TupleTableSlot* pendoExecForeignUpdate(EState* estate, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot* plan_slot);
void pendoEndForeignModify(EState* estate, ResultRelInfo* rel);
void pendoBeginForeignInsert(ModifyTableState* mtstate, ResultRelInfo* rel);
TupleTableSlot* pendoExecForeignInsert(EState* estate, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot* plan_slot);
void pendoEndForeignInsert(EState* estate, ResultRelInfo* rel);
void pendoExplainForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int subplan, ExplainState* es);
