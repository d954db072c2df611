// WHERE conditions when a scan starts: the values are evaluated and become a
// pendo::Condition.
#pragma once

#include "core/condition.h"
#include "fdw/compat.h"
#include "fdw/table.h"

// `condition` is a tree of shippable.h, NIL: every row; `exprs` are its values,
// `states` the same to be executed. The result lives in the current context.
// For EXPLAIN, values that only a running query has are shown as symbols.
const pendo::Condition* pendo_condition(const PendoTable* table, List* condition, List* exprs, List* states,
                                        ExprContext* context, bool explain);
