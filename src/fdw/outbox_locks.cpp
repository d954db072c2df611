// Shards and their locks: advisory ones of a kind of their own, which SQL's
// functions do not reach.
#include "fdw/outbox.h"

extern "C" {
#include "common/hashfn.h"
#include "storage/lock.h"
}

namespace {

// Beside 1 and 2 of pg_advisory_lock().
constexpr uint16 kEntry = 0x5045;
constexpr uint16 kExit = 0x5058;

int32 held[kOutboxShards];
int held_count = 0;
bool keep_at_abort = false;

LOCKTAG tag_of(uint16 kind, int32 shard) {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, static_cast<uint32>(shard), kind);
  return tag;
}

uint32 hash_of(std::string_view text) {
  return DatumGetUInt32(hash_any(reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())));
}

void at_transaction_end(XactEvent event, void*) {
  if (event == XACT_EVENT_ABORT && !keep_at_abort) pendo_unlock_shard_exits();
}

}  // namespace

int32 pendo_outbox_first_shard(const char* server, const char* object) {
  uint32 hash = hash_combine(hash_of(server), hash_of(object));
  return static_cast<int32>(hash & ~static_cast<uint32>(kOutboxShards - 1));
}

int pendo_outbox_place(std::string_view id) { return static_cast<int>(hash_of(id) % kOutboxShards); }

void pendo_lock_shard_entry(int32 shard) {
  LOCKTAG tag = tag_of(kEntry, shard);
  LockAcquire(&tag, ExclusiveLock, false, false);
}

void pendo_wait_for_shard_exit(int32 shard) {
  LOCKTAG tag = tag_of(kExit, shard);
  LockAcquire(&tag, ExclusiveLock, false, false);
}

bool pendo_lock_shard_exit(int32 shard) {
  LOCKTAG tag = tag_of(kExit, shard);
  if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL) return false;
  held[held_count++] = shard;
  return true;
}

void pendo_unlock_last_exit() {
  LOCKTAG tag = tag_of(kExit, held[--held_count]);
  LockRelease(&tag, ExclusiveLock, true);
}

void pendo_unlock_shard_exits() {
  keep_at_abort = false;
  while (held_count > 0) pendo_unlock_last_exit();
}

void pendo_keep_shard_exits(bool keep) { keep_at_abort = keep; }

void pendo_outbox_init() { RegisterXactCallback(at_transaction_end, nullptr); }
