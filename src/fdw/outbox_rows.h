// The rows of the outbox, as who delivers reads and settles them. For outbox*.cpp
// only.
#pragma once

#include "bridge/outbox.h"
#include "fdw/compat.h"
#include "fdw/ledger_write.h"
#include "fdw/outbox.h"

struct OutboxRow {
  int32 shard;
  int64 seq;
  int attempts;         // so far
  int failures;         // of these, that may have been its own fault
  char* id;             // as it is shown
  int record;           // its number in the consignment, or kDamaged
  bool was_sent;        // by a delivery that broke off, and must not be sent twice
  bool is_marked;       // as sent, by this one
  bool settled;         // it is not in the queue any more
};

// The rows that became one record.
struct OutboxGroup {
  int last;      // the place of the row that stands for it
  int attempts;  // the most that one of them has had
  double wait;   // seconds, when it has failed: the same for all, so that they come back together
};

// Rows of one server, object and role that are sent together.
struct OutboxChunk {
  MemoryContext context;
  const char* server;
  Oid server_id;        // another server of that name is another one
  const char* object;
  Oid caller;           // must be a member of the role
  bool are_events;
  bool again;           // rows that have failed before
  bool uncertain_dies;  // what may have been taken is not sent again
  Oid role;             // InvalidOid: that of the first row
  List* failed_roles;   // whose rows are left alone
  char* table_name;     // of the first row; of all, where they are events
  int64 most_rows;
  int64 most_bytes;
  int64 bytes;
  OutboxRow* rows;
  int count;
  int room;
  PendoBox<pendo::Consignment>* consignment;
  OutboxGroup* groups;  // by the number of the record; nullptr until rows are settled
};

bool pendo_outbox_has_room(const OutboxChunk* chunk);

// Is it worth while to hold the shard's exit? Not where it is empty.
bool pendo_outbox_may_have(const LedgerScope* scope, const OutboxChunk* chunk, int32 shard);

// The table that a chunk's rows were written to; InvalidOid: it is not there any more.
Oid pendo_outbox_table(const LedgerScope* scope, const OutboxChunk* chunk);

// Adds rows of that shard, in order, as far as the chunk has room; many, or none. Of
// an empty chunk, with room for one row, the first that comes says whose they are.
void pendo_outbox_read(const LedgerScope* scope, OutboxChunk* chunk, int32 shard);

// Marks the rows as sent, for a sending that must not be repeated.
void pendo_outbox_mark_sent(const LedgerScope* scope, OutboxChunk* chunk);
// How a sending ended.
struct OutboxEnd {
  const char* failure;  // nullptr: it was stopped; what was not sent waits as before
  int max_attempts;
  bool counts;          // it may be the records' own fault, so that they die in the end
};

// Rows whose record is applied go, those that were refused become dead letters;
// with `end` what nothing is known of waits for another attempt, or dies.
void pendo_outbox_settle(const LedgerScope* scope, OutboxChunk* chunk, const OutboxEnd* end);

// Deletes keys of events of that server that were put in longer ago than that, at
// most `limit`; returns how many.
int64 pendo_outbox_forget_keys(const LedgerScope* scope, const char* server, const char* retention, int64 limit);
