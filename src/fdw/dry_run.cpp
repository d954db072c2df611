// pendo_fdw_dry_run() and the NOTICE at the end of a dry run.
#include "fdw/dry_run.h"

#include "fdw/delivery.h"
#include "fdw/entry.h"
#include "fdw/ledger.h"

extern "C" {
#include "utils/acl.h"
}

namespace {

ReturnSetInfo* sink = nullptr;  // where the calls are wanted
int64 sequence = 0;

Datum text_datum(const std::string& text) { return PointerGetDatum(cstring_to_text(pendo_message_text(text.data(), text.size()))); }

void put_call(const pendo::DryCall* call) {
  Datum values[6] = {Int64GetDatum(++sequence), CStringGetTextDatum("POST"), text_datum(call->url), Int64GetDatum(call->records),
                     text_datum(call->body), text_datum(call->app)};
  bool nulls[6] = {};
  nulls[5] = call->app.empty();
  tuplestore_putvalues(sink->setResult, sink->setDesc, values, nulls);
}

// Whoever calls a SECURITY DEFINER function may turn the dry run on, but not see
// what its owner reads and sends.
void tell_hidden(const PendoRun* run) {
  ereport(NOTICE, (errmsg("calls of role \"%s\" for %s are not shown", GetUserNameFromId(run->user, false), run->table->name),
                   errhint("They are for the members of that role.")));
}

// Makes the calls of a run anew, from its log; its outcome stays what it was. An
// earlier replay may have ended with an ERROR.
void replay(PendoRun* run) {
  if (!run->dry || !run->log) return;
  if (!has_privs_of_role(GetUserId(), run->user)) {
    tell_hidden(run);
    return;
  }
  pendo_forget_outcome(run);
  MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw dry run", ALLOCSET_DEFAULT_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  pendo_send_log(run, run->log);
  MemoryContextSwitchTo(old);
  MemoryContextDelete(context);
  pendo_forget_outcome(run);
}

}  // namespace

void pendo_take_dry_calls(PendoRun* run, PendoSending* sending) {
  if (!run->dry) return;
  if (!run->dry_call) {
    run->dry_call = pendo_box<pendo::DryCall>(run->context);
    pendo_make(run->dry_call, [](pendo::Failure&) { return std::make_unique<pendo::DryCall>(); });
  }
  pendo::DryCall* call = run->dry_call->get();
  while (sending->writer->get()->next_dry_call(*call)) {
    if (sink) put_call(call);
  }
}

void pendo_tell_dry_run(const PendoRun* run, const pendo::Outcome& outcome) {
  ereport(NOTICE, (errmsg("dry run: " INT64_FORMAT " records for %s in " INT64_FORMAT " calls were not sent", outcome.applied,
                          run->table->name, outcome.calls),
                   errhint("pendo_fdw.dry_run is on. SELECT * FROM pendo_fdw_dry_run() in the same transaction shows the calls.")));
}

extern "C" Datum pendo_fdw_dry_run(PG_FUNCTION_ARGS) {
  pendo_ledger_require();
  InitMaterializedSRF(fcinfo, 0);
  sink = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  sequence = 0;
  PG_TRY();
  {
    for (PendoRun* run = pendo_runs(); run; run = run->next) replay(run);
  }
  PG_FINALLY();
  { sink = nullptr; }
  PG_END_TRY();
  PG_RETURN_VOID();
}
