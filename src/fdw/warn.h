// The one WARNING that a statement gives about records that did not arrive.
#pragma once

#include "core/object.h"
#include "core/outcome.h"
#include "fdw/compat.h"

const char* pendo_name_of_records(const pendo::ObjectDescriptor* object);

// `name` says where they went, `what` names the records: "visitors", "track events".
void pendo_warn(const char* name, const pendo::Outcome& outcome, const char* what);
