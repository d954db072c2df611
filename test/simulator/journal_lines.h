// The lines of the journal: what each effect looks like in it.
#pragma once

#include "event_log.h"
#include "store.h"

namespace simulator {

Value line_of_write(Kind kind, const std::string& id, const std::vector<Write>& writes, std::int64_t now_ms, bool touch);
Value line_of_event(const ReceivedEvent& event);
Value line_of_new_field(Kind kind, const FieldName& name, const FieldInfo& info);
Value line_of_deleted_field(Kind kind, const FieldName& name);

}  // namespace simulator
