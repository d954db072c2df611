// Executing block joins.
#pragma once

#include "fdw/compat.h"

Node* pendo_block_join_state(CustomScan* scan);
