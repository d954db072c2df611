// The cache of clients.
#include "fdw/session.h"

#include "fdw/secret_file.h"

namespace {

struct ClientKey {
  Oid server;
  Oid user;
};

struct ClientEntry {
  ClientKey key;
  PendoClientRef* client;
};

HTAB* clients = nullptr;
bool options_changed = false;

void note_change(Datum, int, uint32) { options_changed = true; }

// After any change of a server or a mapping: whoever still uses a client shares
// it; the connections of the others end here, and with them their keys.
void forget_clients() {
  options_changed = false;
  if (!clients) return;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, clients);
  while (auto* entry = static_cast<ClientEntry*>(hash_seq_search(&status))) {
    pendo_client_free(entry->client);
    hash_search(clients, &entry->key, HASH_REMOVE, nullptr);
  }
}

void at_transaction_end(XactEvent event, void*) {
  bool over = event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT;
  if (over && options_changed) forget_clients();
}

}  // namespace

void pendo_session_init() {
  CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_change, 0);
  CacheRegisterSyscacheCallback(USERMAPPINGOID, note_change, 0);
  RegisterXactCallback(at_transaction_end, nullptr);
}

PendoClientRef* pendo_session_client(Oid server, Oid user, const PendoOptions& options) {
  PendoConfigText config = pendo_read_secret_files(options.config);
  if (options_changed) forget_clients();
  if (!clients) clients = pendo_session_table<ClientKey, ClientEntry>("pendo_fdw clients");
  ClientKey key = {server, user};
  bool found = false;
  auto* entry = static_cast<ClientEntry*>(hash_search(clients, &key, HASH_ENTER, &found));
  if (!found) entry->client = nullptr;
  // compared each time: a cursor may come with options from before a change, and
  // a file may hold another secret by now
  if (entry->client && pendo_client_has(entry->client, config)) return entry->client;
  pendo_client_free(entry->client);
  entry->client = pendo_client_new(config);
  if (!entry->client) pendo_out_of_memory();
  return entry->client;
}
