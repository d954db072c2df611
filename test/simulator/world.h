// Everything that a running simulator knows.
#pragma once

#include <string>

#include "event_log.h"
#include "faults.h"
#include "journal.h"
#include "store.h"
#include "switches.h"
#include "track_types.h"
#include "traffic.h"

namespace simulator {

// Taken beside those that everybody knows; empty: none.
struct FurtherKeys {
  std::string write_key;
  std::string track_secret;  // of the default app
};

struct World {
  explicit World(const DataOptions& options)
      : store(options, journal), track_types(store.options()), events(store, track_types, journal) {}

  // Back to how it was when it started.
  void reset() {
    store.reset();
    track_types.reset();
    events.reset();
    switches.reset();
    faults.clear();
    traffic.reset();
    journal.clear();
  }

  Journal journal;
  Store store;
  TrackTypes track_types;
  EventLog events;
  Switches switches;
  FaultRules faults;
  Traffic traffic;
  FurtherKeys further_keys;
};

}  // namespace simulator
