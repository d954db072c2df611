// Sending one chunk of the outbox and writing down what became of it. For
// outbox*.cpp only.
#pragma once

#include "core/object.h"
#include "core/outcome.h"
#include "fdw/ledger.h"
#include "fdw/outbox_rows.h"

// What a delivery has sent on behalf of one role: a row of pendo_fdw_runs.
struct OutboxRun {
  OutboxRun* next;
  Oid role;
  int64 number;        // 0: it has no row yet
  PendoRunRow row;
  PendoBox<pendo::Outcome>* outcome;
};

// One call of pendo_fdw_deliver().
struct OutboxDelivery {
  MemoryContext context;  // lives as long as the call
  Oid caller;
  TimestampTz until;      // 0: until nothing is due
  ForeignServer* server;  // now
  const pendo::ObjectDescriptor* object;
  OutboxRun* runs;        // of server and object
  List* failed;           // roles whose rows are left alone, of server and object
  List* failed_again;     // of the rows that have failed before
  char* failure;          // the first one of the call, or nullptr
  char* failed_server;
};

bool pendo_outbox_time_is_over(const OutboxDelivery* delivery);

// Commits, and begins a transaction that sees what others commit.
void pendo_outbox_commit();

// Options of the table that the rows were written to, or, where that is gone, of
// the server, with the user mapping of the rows' role.
PendoOptions pendo_outbox_options(const OutboxDelivery* delivery, Oid table, Oid role);

// The rows are read, their shards are held. False: the sending failed, which the
// rows and the delivery remember.
bool pendo_outbox_send(OutboxDelivery* delivery, OutboxChunk* chunk, const PendoOptions* options);
