// Merging, sending and accounting.
#include "consignment.h"

#include <new>
#include <utility>

namespace pendo {
namespace {

Consignment::State state_of(RecordResult::Kind kind) {
  switch (kind) {
    case RecordResult::Kind::kMissing:
      return Consignment::State::kMissing;
    case RecordResult::Kind::kInvalid:
      return Consignment::State::kInvalid;
    case RecordResult::Kind::kUncertain:
      return Consignment::State::kUncertain;
    case RecordResult::Kind::kApplied:
      break;
  }
  return Consignment::State::kApplied;
}

bool sets(const Consignment::Record& record, std::uint16_t field) {
  FieldValues values(record.encoded);
  std::uint16_t number = 0;
  std::string_view json;
  while (values.next(number, json)) {
    if (number == field) return true;
  }
  return false;
}

}  // namespace

int Consignment::add(std::string_view stored) noexcept try {
  if (!read_stored(stored, fields_, read_)) return kDamaged;
  auto& same = by_id_[read_.id];
  if (!same.empty() && !read_.is_event) {
    Record& record = records_[static_cast<std::size_t>(same.front())];
    record.encoded = merge_values(record.encoded, read_.encoded);
    return same.front();
  }
  auto number = static_cast<int>(records_.size());
  records_.push_back({read_.id, read_.encoded, State::kUnsent, {}, {}});
  same.push_back(number);
  return number;
} catch (const std::bad_alloc&) {
  return kOutOfMemory;
}

bool Consignment::refuse_field(std::uint16_t number, std::string_view why) noexcept try {
  for (auto& record : records_) {
    if (record.state != State::kUnsent || !sets(record, number)) continue;
    record.message = why;
    record.values = values_json(fields_, record.encoded);
    record.state = State::kInvalid;
  }
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool Consignment::hold_back(int record, std::string_view why) noexcept try {
  Record& held = records_[static_cast<std::size_t>(record)];
  held.message = why;
  held.state = State::kUncertain;
  auto& alike = by_id_[held.id];
  std::erase(alike, record);
  if (alike.empty()) by_id_.erase(held.id);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

Status Consignment::send(Writer& writer, bool stop) noexcept {
  while (!stop && offered_ < static_cast<int>(records_.size())) {
    const Record& next = records_[static_cast<std::size_t>(offered_)];
    if (next.state == State::kUnsent) {
      Status status = writer.add(next.id, next.encoded);
      if (!take_results(writer)) return Status::kFailed;
      if (status != Status::kDone) return status;
    }
    ++offered_;
  }
  Status status = writer.finish();
  return take_results(writer) ? status : Status::kFailed;
}

bool Consignment::take_results(Writer& writer) noexcept try {
  RecordResult result;
  while (writer.next_result(result)) put_result(result);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

// A record may be judged by several calls of one sending, the last word counts;
// of alike events each result is another one's.
void Consignment::put_result(RecordResult& result) {
  auto found = by_id_.find(result.id);
  if (found == by_id_.end()) return;
  auto& waiting = found->second;
  Record& record = records_[static_cast<std::size_t>(waiting.front())];
  record.values = std::move(result.values);
  record.message = std::move(result.message);
  record.state = state_of(result.kind);
  ++settled_;
  if (waiting.size() > 1) waiting.erase(waiting.begin());
}

}  // namespace pendo
