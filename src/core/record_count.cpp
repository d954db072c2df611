// Pendo: the operator count makes one row, {"count":N}.
#include "record_count.h"

#include <new>
#include <utility>

#include "pipeline.h"
#include "printable.h"
#include "record_splitter.h"
#include "row_decoder.h"

namespace pendo {

std::unique_ptr<RecordCount> RecordCount::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                                 const CallOptions& options, Failure& failure) noexcept try {
  std::unique_ptr<RecordCount> count(new RecordCount(std::move(client), object, options));
  if (count->start({})) return count;
  failure = count->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

bool RecordCount::start(const std::string& filter) noexcept try {
  done_ = false;
  fetch_.reset();
  Request request{.kind = CallKind::kRead, .post = true, .to_track_host = false, .connect_only = false,
                  .path = std::string(kAggregationPath), .body = describe_count(object_, options_, filter)};
  Failure failure;
  fetch_ = Fetch::create(client_, std::move(request), options_, failure);
  if (fetch_) return true;
  fail(std::move(failure));
  return false;
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

// No row at all stands for no record.
bool RecordCount::read_number(const std::string& reply) {
  RecordSplitter splitter;
  RowDecoder decoder({{{"count"}, ColumnType::kInt}});
  Value value = Value::of_int(0);
  splitter.feed(reply.data(), reply.size());
  std::string_view record;
  int rows = 0;
  Split split = splitter.next(record);
  for (; split == Split::kRecord; split = splitter.next(record)) {
    if (!decoder.decode(record, &value)) {
      reason_ = decoder.reason();
      return false;
    }
    ++rows;
    number_ = value.integer;
  }
  bool whole = splitter.finish() == Split::kEnd;
  bool good = whole && rows <= 1 && value.kind == ValueKind::kInt && value.integer >= 0;
  if (rows == 0) number_ = 0;
  if (!good) reason_ = whole ? "it holds no count" : splitter.reason();
  return good;
}

Status RecordCount::next(Value* out) noexcept try {
  if (done_) return Status::kDone;
  Status status = fetch_->run();
  if (status == Status::kFailed) return fail(fetch_->failure());
  if (status != Status::kDone) return status;
  counts_.requests += 1 + fetch_->tries();
  counts_.retries += fetch_->tries();
  counts_.wire_bytes += fetch_->take_wire_bytes();
  counts_.bytes += static_cast<long long>(fetch_->reply().size());
  if (!read_number(fetch_->reply())) {
    return fail(sqlstate::kReplyHandle,
                "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason_,
                "POST /api/v1/aggregation answered 200 with a body that begins: " + shown_reply(fetch_->reply(), 200),
                "SET pendo_fdw.pushdown = off; counts in PostgreSQL.");
  }
  done_ = true;
  ++counts_.rows;
  out[0] = Value::of_int(number_);
  return Status::kRow;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

std::string describe_count(const ObjectDescriptor& object, const CallOptions& options, const std::string& filter) {
  return count_pipeline({.object = &object, .paths = {}, .include_anonymous = options.include_anonymous,
                         .app_id = options.app_id, .filter = filter, .position = {}, .order = {}, .limit = 0});
}

}  // namespace pendo
