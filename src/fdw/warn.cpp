// Wording of the WARNING.
#include "fdw/warn.h"

#include "bridge/bridge.h"

namespace {

void append_list(StringInfo text, const char* title, const std::vector<std::string>& list, int64 total) {
  if (list.empty()) return;
  appendStringInfo(text, "%s%s: ", text->len ? " " : "", title);
  for (size_t i = 0; i < list.size(); ++i) {
    appendStringInfo(text, "%s%s", i ? "; " : "", pendo_message_text(list[i].data(), list[i].size()));
  }
  appendStringInfoString(text, total > static_cast<int64>(list.size()) ? "; and others." : ".");
}

void append_count(StringInfo text, int64 count, const char* what) {
  if (count > 0) appendStringInfo(text, "%s" INT64_FORMAT " %s", text->len ? ", " : "", count, what);
}

}  // namespace

const char* pendo_name_of_records(const pendo::ObjectDescriptor* object) {
  return object->write == pendo::WriteCall::kTrackEvent ? "track events" : pnstrdup(object->name.data(), object->name.size());
}

void pendo_warn(const char* name, const pendo::Outcome& outcome, const char* what) {
  StringInfoData counts;
  StringInfoData detail;
  initStringInfo(&counts);
  append_count(&counts, outcome.missing, "not known to Pendo");
  append_count(&counts, outcome.invalid, "refused as invalid");
  append_count(&counts, outcome.uncertain, "uncertain");
  append_count(&counts, outcome.duplicates, "given more than once, of which the last values were sent");
  append_count(&counts, outcome.repeated, "sent again after an answer was lost, so that they may count twice");
  append_count(&counts, outcome.doubtful, "that Pendo may take and not show");
  if (counts.len == 0) return;
  initStringInfo(&detail);
  append_list(&detail, "Not known", outcome.first_missing, outcome.missing);
  append_list(&detail, "Invalid", outcome.first_invalid, outcome.invalid);
  append_list(&detail, "Uncertain", outcome.first_uncertain, 0);
  append_list(&detail, "Doubtful", outcome.first_doubtful, outcome.doubtful);
  ereport(WARNING, (errcode(ERRCODE_WARNING), errmsg("%s: of " INT64_FORMAT " %s, %s", name, outcome.records, what, counts.data),
                    detail.len ? errdetail_internal("%s", detail.data) : 0,
                    outcome.doubtful ? errhint("The option on_guard 'reject' or 'error' keeps such events back.") : 0));
}
