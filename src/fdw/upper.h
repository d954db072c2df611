// count(*) in Pendo.
#pragma once

#include "fdw/plan.h"

void pendoGetForeignUpperPaths(PlannerInfo* root, UpperRelationKind stage, RelOptInfo* input, RelOptInfo* output, void* extra);

// The plan of a path that it made.
ForeignScan* pendo_count_plan(RelOptInfo* rel, ForeignPath* path, List* tlist, Plan* outer);
