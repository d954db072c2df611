// Executing scans.
#pragma once

#include "core/scan.h"
#include "fdw/compat.h"

void pendoBeginForeignScan(ForeignScanState* node, int eflags);
TupleTableSlot* pendoIterateForeignScan(ForeignScanState* node);
void pendoReScanForeignScan(ForeignScanState* node);
void pendoEndForeignScan(ForeignScanState* node);
void pendoExplainForeignScan(ForeignScanState* node, ExplainState* es);

// What a source of rows asked for and got, for EXPLAIN ANALYZE.
void pendo_explain_counts(const pendo::RowSource* rows, ExplainState* es);
