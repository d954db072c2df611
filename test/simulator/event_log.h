// Events: track events that were posted or loaded, and those of each kind that
// the generator makes for each day.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "journal.h"
#include "store.h"
#include "track_types.h"
#include "value.h"

namespace simulator {

enum class EventKind { kTrack, kPage, kFeature };

// Something that one visitor did: rows of the event sources are sums of these.
struct EventAtom {
  std::int64_t time = 0;
  std::int64_t app = 0;
  std::string type_id;  // of the track type, the page or the feature
  std::string visitor_id;
  std::string account_id;
  std::int64_t count = 1;
  std::string remote_ip;
  std::string server;
  std::string user_agent;
  Value properties = Object{};
};

struct ReceivedEvent {
  std::int64_t received_at = 0;
  std::int64_t app = 0;
  std::int64_t timestamp = 0;
  std::string body;  // as it was sent
  std::string type_id;
  bool processed = true;  // false: too old for Pendo to count
};

class EventLog {
 public:
  EventLog(const Store& store, const TrackTypes& types, Journal& journal)
      : store_(store), types_(types), journal_(journal) {}

  void add(ReceivedEvent event);
  // These take the place of all track events, the generated ones too, until reset().
  void load(std::deque<ReceivedEvent> events);
  void reset();
  // In the order of arrival; false from `visit` ends it.
  void each_received(const std::function<bool(const ReceivedEvent&)>& visit) const;

  // What counts for [from, until): generated events up to now, and received ones
  // that have been there for `delay_ms`.
  std::vector<EventAtom> between(EventKind kind, std::int64_t from, std::int64_t until, std::int64_t now_ms,
                                 std::int64_t delay_ms) const;
  // No event is older.
  std::int64_t earliest() const;

 private:
  // What generated events are of: an object of this app.
  struct Subject {
    std::string id;
    std::int64_t app;
  };
  std::vector<Subject> subjects(EventKind kind) const;
  void generate(EventKind kind, std::int64_t from, std::int64_t until, std::vector<EventAtom>& out) const;
  EventAtom atom(EventKind kind, std::int64_t day, std::uint64_t number, const std::vector<Subject>& subjects) const;

  const Store& store_;
  const TrackTypes& types_;
  Journal& journal_;
  mutable std::mutex mutex_;
  std::deque<ReceivedEvent> received_;
  bool generates_ = true;
};

}  // namespace simulator
