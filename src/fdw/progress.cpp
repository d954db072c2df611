// The NOTICE of a long sending.
#include "fdw/progress.h"

int pendo_progress_interval = 30'000;

namespace {

PendoRun* told_run = nullptr;
int64 total_records = 0;
int64 settled_before = 0;
TimestampTz began = 0;
TimestampTz told = 0;

void tell(double seconds) {
  pendo::Outcome* outcome = pendo_total_outcome(told_run);
  int64 sent = outcome->settled() - settled_before;
  double rate = seconds > 0 ? static_cast<double>(sent) / seconds : 0;
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfo(&text, "%s: " INT64_FORMAT, told_run->table->name, sent);
  if (total_records > 0) appendStringInfo(&text, " of " INT64_FORMAT, total_records);
  appendStringInfo(&text, " records sent, " INT64_FORMAT " of them refused or not known; %.0f records/s", outcome->missing + outcome->invalid,
                   rate);
  if (total_records > 0 && rate > 0) {
    appendStringInfo(&text, ", about %.0f s left", static_cast<double>(total_records - sent) / rate);
  }
  // it is no error: without the context that errors have
  ErrorContextCallback* context = error_context_stack;
  error_context_stack = nullptr;
  ereport(NOTICE, (errmsg_internal("%s", text.data)));
  error_context_stack = context;
  pfree(text.data);
}

void look() {
  if (!told_run || pendo_progress_interval == 0) return;
  TimestampTz now = GetCurrentTimestamp();
  if (!TimestampDifferenceExceeds(told, now, pendo_progress_interval)) return;
  told = now;
  tell(static_cast<double>(now - began) / 1e6);
}

}  // namespace

void pendo_begin_progress(PendoRun* run, int64 total) {
  told_run = run;
  total_records = total;
  settled_before = pendo_total_outcome(run)->settled();
  began = told = GetCurrentTimestamp();
  pendo_set_wait_hook(look, pendo_progress_interval);
}

void pendo_end_progress() {
  told_run = nullptr;
  pendo_set_wait_hook(nullptr, 0);
}
