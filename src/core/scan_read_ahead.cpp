// A scan's reading ahead: the connection is kept busy while the rows that have
// come are taken, and the next page is asked for before this one is through.
#include <string>
#include <utility>

#include "scan.h"

namespace pendo {
namespace {

// While this much waits for its reader, no more is taken from the connection.
constexpr std::size_t kMaxReadAheadBytes = 512 << 10;

// A reader that has taken so many rows is likely to want the rest. The
// connection is looked at now and then while there are rows to take.
constexpr long kRowsBeforeReadAhead = 1000;
constexpr long kRowsBetweenLooks = 64;

}  // namespace

void Scan::take_in() {
  received_ = 0;
  call_.resume();
  drive();
}

// Keeps the connection busy while the reader is: fills up what waits for it,
// and when a page has come asks for the next one. False: failure().
bool Scan::read_ahead() {
  bool looks = mode_ == Mode::kPages && rows_ >= kRowsBeforeReadAhead && rows_ % kRowsBetweenLooks == 0;
  if (!looks) return true;
  bool has_room = splitter_.pending() < kMaxReadAheadBytes;
  if (has_room && !call_.done()) take_in();
  bool page_came = !ahead_ && ready_.empty() && call_.succeeded() && splitter_.pending() <= kMaxReadAheadBytes;
  return !page_came || ask_ahead();
}

// Whatever is wrong with the rest of the page shows when it is read.
bool Scan::ask_ahead() {
  ready_page_ = splitter_.preview();
  ready_.reserve(splitter_.pending());
  std::string_view record;
  Split split = splitter_.next(record);
  for (; split == Split::kRecord; split = splitter_.next(record)) ready_.push(record);
  if (split != Split::kEnd || ready_.empty() || !wants_next_page()) return true;
  std::string position = position_behind_ready();
  if (position.empty()) return true;
  grow_page();
  counts_.wire_bytes += call_.take_wire_bytes();
  ahead_ = true;
  if (!send_while_reading(aggregation(page_body(std::move(position))), true)) return false;
  drive();
  return true;
}

// A LIMIT that is met by what is there ends the scan.
bool Scan::wants_next_page() const {
  auto ready = static_cast<long>(ready_.size());
  bool full = rows_in_page_ + ready >= page_limit_;
  bool likely = range_.first_rows == 0 || rows_ > range_.first_rows || rows_ + ready < range_.first_rows;
  return full && likely;
}

// Empty: the last record is not one to go on from.
std::string Scan::position_behind_ready() {
  if (!row_decoder_->decode(ready_.last(), values_.data())) return {};
  const Value& key = values_[key_at_];
  bool usable = key.kind == ValueKind::kText && !key.text.empty();
  RowPlace place = usable ? place_of_row() : RowPlace{};
  return usable && is_complete(place) ? position_.behind(place) : std::string();
}

}  // namespace pendo
