// What a session keeps between statements: one Client per server and user
// mapping, dropped when their options change.
#pragma once

#include "bridge/bridge.h"
#include "fdw/compat.h"
#include "fdw/options.h"

// The client for these options; stays valid until the next call of this
// function, operations hold on to it by themselves.
PendoClientRef* pendo_session_client(Oid server, Oid user, const PendoOptions& options);

// A hash table that lasts as long as the session. Keys are compared byte by byte.
template <class Key, class Entry>
HTAB* pendo_session_table(const char* name) {
  HASHCTL control = {};
  control.keysize = sizeof(Key);
  control.entrysize = sizeof(Entry);
  control.hcxt = TopMemoryContext;
  return hash_create(name, 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

// Called once per session.
void pendo_session_init();
