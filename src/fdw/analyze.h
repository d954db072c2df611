// ANALYZE: statistics from a sample of records.
#pragma once

#include "fdw/compat.h"

bool pendoAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc* func, BlockNumber* totalpages);
