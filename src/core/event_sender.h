// Sends Track Events: one call each (Pendo takes no more), several in flight.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "client.h"
#include "outcome.h"
#include "value.h"
#include "wall.h"

namespace pendo {

// One event. Values: kText, kTime, kJson as the field asks, kNull when absent.
struct TrackEvent {
  Value visitor_id;
  Value account_id;
  Value event;
  Value occurred_at;
  Value properties;
  Value ip;
  Value user_agent;
  Value url;
  Value title;
};

class EventSender : public Operation {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<EventSender> create(std::shared_ptr<Client> client, const CallOptions& options,
                                             Failure& failure) noexcept;

  // kDone: it was taken (or refused as invalid, see outcome()). kWouldBlock:
  // all calls are in flight, wait and offer the same event again.
  Status add(const TrackEvent& event) noexcept;

  // Waits for every answer.
  Status finish() noexcept;

  const Outcome& outcome() const noexcept { return outcome_; }

 private:
  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    Call call;
    std::string label;  // names the event in a message
    bool busy = false;
  };

  EventSender(std::shared_ptr<Client> client, const CallOptions& options);

  bool make_flights();
  Status offer(const TrackEvent& event);
  Status settle();
  Status landed(Flight& flight);
  Status with_counts(Failure failure);

  CallOptions options_;
  std::vector<std::unique_ptr<Flight>> flights_;
  Outcome outcome_;
};

}  // namespace pendo
