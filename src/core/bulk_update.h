// Sets metadata fields of many visitors or accounts in few calls.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "batch.h"
#include "bulk_reply.h"
#include "call.h"
#include "client.h"
#include "fetch.h"
#include "object.h"
#include "outcome.h"
#include "value.h"
#include "wall.h"

namespace pendo {

// A field that every record of the update sets.
struct BulkField {
  std::string_view group;
  std::string_view name;
};

// Why an id cannot be sent, or empty: NULL ids never get here.
std::string_view key_problem(std::string_view id) noexcept;

class BulkUpdate : public Operation {
 public:
  // nullptr: `failure` tells why. Nothing is sent before the first add().
  static std::unique_ptr<BulkUpdate> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                            const std::vector<BulkField>& fields, const CallOptions& options,
                                            Failure& failure) noexcept;

  // Takes one record; `values` has one Value per field of create(). kDone: it
  // was taken (or refused as invalid, see outcome()). kWouldBlock: all calls
  // are in flight, wait and offer the same record again. Order per id is kept.
  Status add(std::string_view id, const Value* values) noexcept;

  // Sends what is left and waits for every answer. kDone: all are settled.
  Status finish() noexcept;

  int fd() const noexcept override;

  const Outcome& outcome() const noexcept { return outcome_; }

 private:
  struct Field {
    std::size_t series;
    std::string name;
  };

  // The calls of one group.
  struct Series {
    std::string group;
    Batch filling;
    bool after_all_in_flight = false;  // it holds an id that is under way
    std::int64_t unnamed = 0;          // refused, without a word on which
    std::int64_t uncertain = 0;
  };

  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    Call call;
    Batch batch;
    std::size_t series = 0;
    bool busy = false;
  };

  BulkUpdate(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options);

  void plan_fields(const std::vector<BulkField>& fields);
  bool make_flights(const CallOptions& options);

  Status know_fields();
  Status check_fields(const std::vector<SchemaField>& known);
  Status unknown_field(const Field& field, const std::vector<SchemaField>& known);

  Status offer(std::string_view id, const Value* values);
  bool encode(std::string_view id, const Value* values, std::vector<std::string>& records);
  Status put(std::string_view id);
  bool is_in_flight(std::size_t series, std::string_view id) const;
  bool series_in_flight(std::size_t series) const;
  Flight* idle_flight() noexcept;

  Status dispatch(std::size_t series);
  Status settle();
  Status landed(Flight& flight);
  Status take_reply(const Flight& flight);
  void count_reply(const Flight& flight, const BulkReply& reply);
  void count_errors(Series& series, const BulkReply& reply);
  bool first_time_invalid(std::string_view id);
  std::int64_t most(std::int64_t Series::* counter) const;
  bool any_busy() const;
  bool any_landed() const;
  Status with_counts(Failure failure);

  const ObjectDescriptor& object_;
  CallOptions options_;
  std::vector<Field> fields_;
  std::vector<Series> series_;
  std::vector<std::unique_ptr<Flight>> flights_;
  std::unique_ptr<SchemaFetch> schema_;
  bool fields_known_ = false;
  bool encoded_ = false;  // the record now offered is in records_
  std::vector<std::string> records_;
  std::size_t next_series_ = 0;  // the first one that has not taken it
  std::set<std::string, std::less<>> invalid_ids_;  // so that an id of two groups counts once
  Outcome outcome_;
};

}  // namespace pendo
