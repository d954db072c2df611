// Executing scans.
#pragma once

#include "fdw/compat.h"

void pendoBeginForeignScan(ForeignScanState* node, int eflags);
TupleTableSlot* pendoIterateForeignScan(ForeignScanState* node);
void pendoReScanForeignScan(ForeignScanState* node);
void pendoEndForeignScan(ForeignScanState* node);
void pendoExplainForeignScan(ForeignScanState* node, ExplainState* es);
