// What a run keeps until it is sent or written down: entries in the order of
// arrival, in one temporary file of PostgreSQL's, in bounded memory.
#pragma once

#include <string_view>
#include <type_traits>

#include "fdw/compat.h"

struct PendoSpool;
struct PendoSpoolReader;
struct PendoSort;

// Lives in TopTransactionContext, its file belongs to the top transaction, so that
// the rollback of a subtransaction leaves what was written before. `transactional`: entries put in a
// subtransaction are dropped when that rolls back; otherwise nothing ever is.
PendoSpool* pendo_spool_new(bool transactional);

// Lives no longer than the current memory context and resource owner.
PendoSpool* pendo_spool_of_statement();

// Gives back memory and file. Needed before its owner ends well; after an ERROR
// PostgreSQL does it: only forget the pointer.
void pendo_spool_end(PendoSpool* spool);

// Adds an entry; id and payload are copied. There are at most 8 kinds in one
// spool. After an ERROR (temp_file_limit, a full disk) the spool holds what it
// held before and can be used on.
void pendo_spool_put(PendoSpool* spool, uint8 kind, std::string_view id, std::string_view payload);

int64 pendo_spool_count(const PendoSpool* spool, uint8 kind);
// Of all entries, the few bytes of overhead of each included.
int64 pendo_spool_bytes(const PendoSpool* spool);

// For the SubXactCallback: SUBXACT_EVENT_ABORT_SUB and COMMIT_SUB, others are
// ignored. Never fails.
void pendo_spool_at_subxact(PendoSpool* spool, SubXactEvent event);

// Reads in the order of arrival. Any number of readers, each from the beginning.
// Entries put meanwhile are read too, also after the end was met. Views are
// valid until the next call. It is an ERROR to read on where what was read has
// been rolled back.
PendoSpoolReader* pendo_spool_read(PendoSpool* spool);
bool pendo_spool_next(PendoSpoolReader* reader, uint8* kind, std::string_view* id, std::string_view* payload);
void pendo_spool_read_end(PendoSpoolReader* reader);

// Hands every entry to take(kind, id, payload), which must be trivially destructible.
template <class Take>
void pendo_spool_each(PendoSpool* spool, Take take) {
  static_assert(std::is_trivially_destructible_v<Take>);
  PendoSpoolReader* reader = pendo_spool_read(spool);
  uint8 kind = 0;
  std::string_view id;
  std::string_view payload;
  while (pendo_spool_next(reader, &kind, &id, &payload)) take(kind, id, payload);
  pendo_spool_read_end(reader);
}

// Where the next entry begins, and back to such a place.
int64 pendo_spool_position(const PendoSpoolReader* reader);
void pendo_spool_go(PendoSpoolReader* reader, int64 position);

// Reads the entries of one kind that are there now, by the bytes of their ids,
// those of one id in the order of arrival; uses work_mem. Belongs to the current
// memory context and resource owner, and needs the spool until its end. Views
// are valid until the next call.
PendoSort* pendo_spool_sort(PendoSpool* spool, uint8 kind);
bool pendo_sort_next(PendoSort* sort, std::string_view* id, std::string_view* payload);
// Of the entry given last; grows with arrival, over all kinds.
int64 pendo_sort_position(const PendoSort* sort);
void pendo_sort_rewind(PendoSort* sort);
void pendo_sort_end(PendoSort* sort);
