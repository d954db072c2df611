// The block join: keys of the other side of a join are collected and asked for
// in few calls, where a nested loop would make one call for each row and a hash
// join would read every record.
#pragma once

#include "fdw/plan.h"

// Called once per session.
void pendo_block_join_init();

// What the plan hands to the executor in custom_private.
enum BlockJoinPrivateIndex {
  kBlockTable,        // Integer: the foreign table's oid
  kBlockUser,         // Integer: whose user mapping; 0: of whoever runs the plan
  kBlockOuterColumns, // Integer: how many columns of the scan tuple are the other side's
  kBlockColumns,      // integer List: attribute numbers of the columns behind them
  kBlockKeepsOuter,   // Integer: 1 for a left join
};
