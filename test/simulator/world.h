// Everything that a running simulator knows.
#pragma once

#include "event_log.h"
#include "faults.h"
#include "store.h"
#include "switches.h"
#include "track_types.h"
#include "traffic.h"

namespace simulator {

struct World {
  explicit World(const DataOptions& options) : store(options), track_types(store.options()), events(store, track_types) {}

  // Back to how it was when it started.
  void reset() {
    store.reset();
    track_types.reset();
    events.reset();
    switches.reset();
    faults.clear();
    traffic.reset();
  }

  Store store;
  TrackTypes track_types;
  EventLog events;
  Switches switches;
  FaultRules faults;
  Traffic traffic;
};

}  // namespace simulator
