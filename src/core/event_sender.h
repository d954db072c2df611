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
  Value app;  // whose secret it is sent with; not in its body
};

// What a row of events becomes: its app and the body of its call, as one text.
struct EncodedEvent {
  std::string_view app;  // empty: none
  std::string_view body;
};
EncodedEvent decode_event(std::string_view encoded) noexcept;

// For people: the body with the app among its members.
std::string shown_event(const EncodedEvent& event);

// Encodes one event after the other.
class EventEncoder {
 public:
  enum class Result { kEncoded, kInvalid, kOutOfMemory };

  // Views stay valid until the next call.
  Result encode(const TrackEvent& event) noexcept;
  std::string_view encoded() const noexcept { return encoded_; }
  // As JSON for people; also of what is invalid, without what has no form.
  std::string_view shown() const noexcept { return shown_.empty() ? decode_event(encoded_).body : std::string_view(shown_); }
  std::string_view label() const noexcept { return label_; }  // "Registered of v1 at 2025-01-31T12:00:00.000Z #85944171f73967e8"
  std::string_view why() const noexcept { return why_; }

 private:
  std::string encoded_;
  std::string shown_;  // empty: the body is shown
  std::string label_;
  std::string why_;
};

// Which events can be sent, for whoever wants to know before they are.
class TrackSecrets {
 public:
  // nullptr: none, and `failure` tells why.
  static std::unique_ptr<TrackSecrets> create(std::shared_ptr<Client> client, Failure& failure) noexcept;

  // Is there one for events of that app, kText, or of none, kNull? If not, failure() tells.
  bool has(const Value& app) noexcept;
  const Failure& failure() const noexcept { return failure_; }

 private:
  explicit TrackSecrets(std::shared_ptr<Client> client) noexcept : client_(std::move(client)) {}

  std::shared_ptr<Client> client_;
  Failure failure_;
};

class EventSender : public Writer {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<EventSender> create(std::shared_ptr<Client> client, const CallOptions& options,
                                             Failure& failure) noexcept;

  // Label and text are those of an EventEncoder.
  Status add(std::string_view label, std::string_view encoded) noexcept override;
  Status finish() noexcept override;
  void abandon() noexcept override;
  std::int64_t under_way() const noexcept override;

 private:
  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    std::string shown() const { return shown_event({call.request().app, call.request().body}); }

    Call call;
    std::string label;
    bool busy = false;
  };

  EventSender(std::shared_ptr<Client> client, const CallOptions& options);

  Flight* idle_flight();  // nullptr: all are busy
  bool any_busy() const noexcept;
  Status offer(std::string_view label, const EncodedEvent& event);
  Status refuse_app(std::string_view app);
  void drive_calls() noexcept;
  void call_back_unsent() noexcept;
  Status settle();
  Status take_landed();  // of those that have been driven to their end
  Status landed(Flight& flight);
  Failure no_receipt(const Call& call) const;
  Status lost(Flight& flight);
  void wind_up_calls() noexcept override;
  Status wind_up();
  void count_unsettled(std::string_view why);

  CallOptions options_;
  std::vector<std::unique_ptr<Flight>> flights_;
  int lost_in_a_row_ = 0;
  int waiting_to_go_ = 0;        // calls begun since they were driven
  std::int64_t driven_ms_ = 0;
};

}  // namespace pendo
