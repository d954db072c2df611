// The cache of clients.
#include "fdw/session.h"

namespace {

struct ClientKey {
  Oid server;
  Oid user;
};

struct ClientEntry {
  ClientKey key;
  PendoClientRef* client;
  bool outdated;
};

HTAB* clients = nullptr;

void mark_outdated(Datum, int, uint32) {
  if (!clients) return;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, clients);
  while (auto* entry = static_cast<ClientEntry*>(hash_seq_search(&status))) entry->outdated = true;
}

void create_cache() {
  HASHCTL control = {};
  control.keysize = sizeof(ClientKey);
  control.entrysize = sizeof(ClientEntry);
  control.hcxt = TopMemoryContext;
  clients = hash_create("pendo_fdw clients", 8, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

}  // namespace

void pendo_session_init() {
  CacheRegisterSyscacheCallback(FOREIGNSERVEROID, mark_outdated, 0);
  CacheRegisterSyscacheCallback(USERMAPPINGOID, mark_outdated, 0);
}

PendoClientRef* pendo_session_client(Oid server, Oid user, const PendoOptions& options) {
  if (!clients) create_cache();
  ClientKey key = {server, user};
  bool found = false;
  auto* entry = static_cast<ClientEntry*>(hash_search(clients, &key, HASH_ENTER, &found));
  if (!found) {
    entry->client = nullptr;
    entry->outdated = false;
  }
  if (entry->client && !entry->outdated) return entry->client;
  // whoever still uses the old one shares it; its connections end with it
  pendo_client_free(entry->client);
  entry->client = pendo_client_new(options.config);
  entry->outdated = false;
  if (!entry->client) ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  return entry->client;
}
