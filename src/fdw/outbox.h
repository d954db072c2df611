// The outbox: records of delivery 'outbox' wait in the table pendo_fdw_queue, and
// pendo_fdw_deliver() sends them. Rows of one server and object are spread over
// shards by the hash of their id. Who puts records in holds the shard's entry
// until its transaction ends, so that of one id the row committed last has the
// highest seq; who delivers holds the shard's exit, so that nothing overtakes.
#pragma once

#include "fdw/compat.h"
#include "fdw/run.h"

constexpr int kOutboxShards = 64;  // of a server and object; a power of two

// The first of those of a server and object; the others follow.
int32 pendo_outbox_first_shard(const char* server, const char* object);
// Which of them is that of an id, or of an event's label.
int pendo_outbox_place(std::string_view id);

// Moves what the runs of this transaction have for the outbox into the queue. Call
// it last: the entries of shards are held until the transaction ends.
void pendo_enqueue_all();

// Sends what is due for that server, or for all (nullptr), until `until` (0: until
// nothing is). Commits on its own: for a transaction that has done nothing yet.
void pendo_outbox_deliver(const char* server, TimestampTz until);

// Does this database own the outbox? A new one is taken.
enum class OutboxHome { kHere, kElsewhere };
struct LedgerScope;
OutboxHome pendo_outbox_home(const LedgerScope* scope);

// Entry: waits, until the end of the transaction. Exit: at once or not at all,
// until it is given up, also beyond the end of a transaction.
void pendo_lock_shard_entry(int32 shard);
bool pendo_lock_shard_exit(int32 shard);
// Waits, until the end of the transaction: for who puts rows back.
void pendo_wait_for_shard_exit(int32 shard);
void pendo_unlock_shard_exits();
void pendo_unlock_last_exit();
// An aborted transaction gives up exits unless this says otherwise.
void pendo_keep_shard_exits(bool keep);

void pendo_outbox_init();
// Settings and background workers; before the prefix of the settings is reserved.
void pendo_outbox_init_worker();
