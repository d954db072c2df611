// Sends Track Events: one call each (Pendo takes no more), several in flight.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "client.h"
#include "value.h"
#include "wall.h"
#include "writer.h"

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
  std::string_view body() const noexcept { return body_; }    // also of what is invalid, without what has no form
  std::string_view label() const noexcept { return label_; }  // "Registered of v1 at 2025-01-31T12:00:00.000Z #85944171f73967e8"
  std::string_view why() const noexcept { return why_; }

 private:
  std::string body_;
  std::string label_;
  std::string why_;
};

class EventSender : public Writer {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<EventSender> create(std::shared_ptr<Client> client, const CallOptions& options,
                                             Failure& failure) noexcept;

  // Label and body are those of an EventEncoder.
  Status add(std::string_view label, std::string_view body) noexcept override;
  Status finish() noexcept override;
  void abandon() noexcept override;
  std::int64_t under_way() const noexcept override;

 private:
  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    Call call;
    std::string label;
    bool busy = false;
  };

  EventSender(std::shared_ptr<Client> client, const CallOptions& options);

  Flight* idle_flight();  // nullptr: all are busy
  bool any_busy() const noexcept;
  Status offer(std::string_view label, std::string_view body);
  Status settle();
  Status landed(Flight& flight);
  void wind_up_calls() noexcept override;
  Status wind_up();
  void count_unsettled(std::string_view why);

  CallOptions options_;
  std::vector<std::unique_ptr<Flight>> flights_;
};

}  // namespace pendo
