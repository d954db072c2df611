// Sets metadata fields of many visitors or accounts in few calls, and tells
// what became of each record. What an answer leaves open is found out by sending
// the records again in smaller calls: setting a value twice does no harm.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bulk_batch.h"
#include "bulk_reply.h"
#include "call.h"
#include "client.h"
#include "field_values.h"
#include "object.h"
#include "wall.h"
#include "writer.h"

namespace pendo {

class BulkUpdate : public Writer {
 public:
  // nullptr: `failure` tells why. `fields` must outlive it; it may grow.
  static std::unique_ptr<BulkUpdate> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                            const FieldTable& fields, const CallOptions& options,
                                            Failure& failure) noexcept;

  // Values are those of a RecordEncoder. An id that still waits to be sent is
  // merged, and order per id is kept.
  Status add(std::string_view id, std::string_view values) noexcept override;
  Status finish() noexcept override;
  void abandon() noexcept override;
  std::int64_t under_way() const noexcept override;

 private:
  // A call to make: some records' parts in one series. What is split off has been
  // through the same calls, so that a doubt is about all members.
  struct Job {
    std::shared_ptr<BulkBatch> batch;
    std::size_t series = 0;
    std::vector<std::uint32_t> members;
    bool in_doubt = false;  // they may have been taken by a call that settled nothing
  };

  struct Flight {
    explicit Flight(const Config& config, const CallOptions& options) : call(config, options) {}
    Call call;
    Job job;
    bool busy = false;
  };

  BulkUpdate(std::shared_ptr<Client> client, const ObjectDescriptor& object, const FieldTable& fields,
             const CallOptions& options);

  bool make_flights();
  Status offer(std::string_view id, std::string_view values);
  Status put(std::string_view id, std::string_view values);
  void merge(std::string_view id, std::string_view values);
  bool is_in_flight(std::string_view id) const;
  bool has_room() const;
  bool any_busy() const noexcept;
  bool any_landed() const noexcept;
  Flight* idle_flight() noexcept;

  Status dispatch();
  Status start_ready();
  Status start(Flight& flight);
  Request request_of(const Job& job) const;
  std::string path_of(std::size_t series) const;
  void keep_dry(const Job& job);

  Status settle();
  Status landed(Flight& flight);
  Status take_reply(Flight& flight);
  Status refused(Flight& flight);
  Status split_later(Flight& flight);
  void take_back(const Job& job);
  void bisect(Job job);
  std::pair<Job, Job> halves(Job job);
  Status nonsense(Flight& flight, const std::string& reason);
  Status lone_failure(Flight& flight, RecordResult::Kind kind, std::string message, Failure failure);

  IdSet ids_of(const Job& job) const;
  bool settle_by(const Job& job, const BulkReply& reply);
  void settle_all_failed(const Job& job, const BulkReply& reply);
  void judge_member(const Job& job, std::uint32_t member, RecordResult::Kind kind, std::string message);
  void settle_job(const Job& job);
  RecordResult result_of(const BulkBatch::Record& record) const;
  void drop_settled_batches();

  void wind_up_calls() noexcept override;
  Status wind_up();
  void count_unsettled(std::string_view why);

  const ObjectDescriptor& object_;
  const FieldTable& fields_;
  CallOptions options_;
  std::int64_t most_records_;  // of one call; halved when Pendo finds calls too large
  SeriesTable series_;
  std::vector<std::unique_ptr<Flight>> flights_;
  BulkBatch filling_;
  bool after_all_in_flight_ = false;  // `filling_` has an id that is under way
  std::deque<Job> ready_;
  std::vector<std::shared_ptr<BulkBatch>> in_flight_;
  int lone_failures_ = 0;  // in a row
  std::int64_t offered_ = 0;
};

}  // namespace pendo
