// What a session keeps between statements: one Client per server and user
// mapping, dropped when their options change.
#pragma once

#include "bridge/bridge.h"
#include "fdw/compat.h"
#include "fdw/options.h"

// The client for these options; stays valid until the next call of this
// function, operations hold on to it by themselves.
PendoClientRef* pendo_session_client(Oid server, Oid user, const PendoOptions& options);

// Called once per session.
void pendo_session_init();
