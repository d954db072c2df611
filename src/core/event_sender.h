// Sends Track Events: one call each (Pendo takes no more), several in flight.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "client.h"
#include "outcome.h"
#include "record_result.h"
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

// Makes the body of one event's call after the other.
class EventEncoder {
 public:
  enum class Result { kEncoded, kInvalid, kOutOfMemory };

  // Views stay valid until the next call.
  Result encode(const TrackEvent& event) noexcept;
  std::string_view body() const noexcept { return body_; }    // also of what is invalid, as far as it has a form
  std::string_view label() const noexcept { return label_; }  // names the event: "Registered of v1 at 2025-01-31T12:00:00.000Z"
  std::string_view why() const noexcept { return why_; }

 private:
  std::string body_;
  std::string label_;
  std::string why_;
};

class EventSender : public Operation {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<EventSender> create(std::shared_ptr<Client> client, const CallOptions& options,
                                             Failure& failure) noexcept;

  // Takes what an EventEncoder made. kDone: it was taken. kWouldBlock: all calls
  // are in flight, wait and offer the same event again. After kFailed every event
  // is in outcome(), or was not sent.
  Status add(std::string_view label, std::string_view body) noexcept;

  // Waits for every answer.
  Status finish() noexcept;

  // Ends every call. Events whose calls were under way count as uncertain.
  void abandon() noexcept;

  // As of BulkUpdate; events that were taken are not told of.
  bool next_result(RecordResult& out) noexcept;
  bool next_dry_call(DryCall& out) noexcept;

  const Outcome& outcome() const noexcept { return outcome_; }

  // Records whose calls are not answered yet.
  std::int64_t under_way() const noexcept;

 private:
  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    Call call;
    std::string label;
    bool busy = false;
  };

  EventSender(std::shared_ptr<Client> client, const CallOptions& options);

  bool make_flights();
  bool any_busy() const noexcept;
  Status offer(std::string_view label, std::string_view body);
  Status settle();
  Status landed(Flight& flight);
  void invalid(const Flight& flight);
  Status give_up(Failure failure);
  Status wind_up();
  void count_unsettled(std::string_view why);

  CallOptions options_;
  std::vector<std::unique_ptr<Flight>> flights_;
  bool failing_ = false;
  Failure reason_;
  std::deque<RecordResult> results_;
  std::deque<DryCall> dry_calls_;
  Outcome outcome_;
};

}  // namespace pendo
