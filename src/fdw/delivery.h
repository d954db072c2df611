// Sending what a run has: while a statement runs, when it ends, or just before
// the transaction commits.
#pragma once

#include "fdw/ledger.h"
#include "fdw/run.h"

// Sends every record of this transaction that waits for the commit, gives the
// WARNINGs and writes the runs and rejects.
void pendo_deliver_all();

// Takes back what delivering has set for the session. Never fails.
void pendo_end_delivery();

// One record (id and encoded values) or event (label and encoded), while its
// statement runs; later what is left of them.
void pendo_send_one(PendoRun* run, PendoSending* sending, std::string_view id, std::string_view payload);
void pendo_send_rest(PendoRun* run, PendoSending* sending);

// A record that cannot be sent, while its statement runs.
void pendo_refuse_record(PendoRun* run, std::string_view id, std::string_view values, std::string_view why);

// An ERROR where more was refused than the limits allow.
void pendo_check_limits(PendoRun* run);

// The calls of a statement or a log. Closing sends what is left, and fails when
// more was refused than the limits allow.
PendoSending* pendo_open_sending(PendoRun* run);
void pendo_close_sending(PendoRun* run, PendoSending* sending);

// What a log for the outbox has that cannot be sent becomes results, and counts for
// the limits.
void pendo_account_for_log(PendoRun* run);

// All records or events of a log, at most one record for an id.
void pendo_send_log(PendoRun* run, PendoSpool* log);

// The client for a run's table and user.
PendoClientRef* pendo_run_client(const PendoRun* run);

// The row of a run as far as it has come.
PendoRunRow pendo_run_row(PendoRun* run);

// SQLSTATE of the last error while sending, or "00000".
const char* pendo_last_sqlstate();
