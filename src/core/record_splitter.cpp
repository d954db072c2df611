// The splitter's states: a byte at a time between records, 64 at a time within.
#include "record_splitter.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace pendo {
namespace {

constexpr std::size_t kPreviewBytes = 512;
constexpr std::size_t kFirstBytes = 16 << 10;
// A buffer larger than this is not kept for records that are small again.
constexpr std::size_t kLargeBytes = 1 << 20;
constexpr std::size_t kKeptBytes = 256 << 10;
constexpr std::size_t kBlock = 64;

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

constexpr std::uint64_t everywhere(unsigned char c) { return 0x0101010101010101ull * c; }

// 0x80 in each byte of `word` that equals `c`, which is given everywhere().
std::uint64_t equal(std::uint64_t word, std::uint64_t c) {
  constexpr std::uint64_t kLow = everywhere(0x7f);
  std::uint64_t difference = word ^ c;
  return ~(((difference & kLow) + kLow) | difference | kLow);
}

// One bit per byte, the first byte's the lowest.
std::uint64_t gather(std::uint64_t high_bits) { return ((high_bits >> 7) * 0x0102040810204080ull) >> 56; }

std::uint64_t load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Where a block of 64 bytes has the bytes that matter, one bit per byte.
struct Marks {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t brackets = 0;

  explicit Marks(const char* block) {
    for (unsigned i = 0; i < kBlock; i += 8) {
      std::uint64_t word = load(block + i);
      // [ and { differ in one bit, so do ] and }
      std::uint64_t folded = word | everywhere(0x20);
      quotes |= gather(equal(word, everywhere('"'))) << i;
      backslashes |= gather(equal(word, everywhere('\\'))) << i;
      brackets |= gather(equal(folded, everywhere('{')) | equal(folded, everywhere('}'))) << i;
    }
  }
};

// Bit n: an odd number of bits is set in 0..n.
std::uint64_t parity_up_to(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

// The bytes that a backslash before them escapes. `carry`: from the block
// before, to the block after.
std::uint64_t escaped_by(std::uint64_t backslashes, bool& carry) {
  std::uint64_t escaped = carry ? 1 : 0;
  backslashes &= ~escaped;
  carry = false;
  while (backslashes != 0) {
    int at = std::countr_zero(backslashes);
    carry = at == 63;
    if (carry) break;
    escaped |= 1ull << (at + 1);
    backslashes &= ~(3ull << at);
  }
  return escaped;
}

bool is_scalar(std::string_view text) {
  return text == "null" || text == "true" || text == "false" || is_json_number(text);
}

// Pendo: what a result may have besides `results`.
bool is_side_key(std::string_view key) {
  return key == "startTime" || key == "details" || key == "requestId" || key == "name";
}

}  // namespace

PieceBuffer::~PieceBuffer() { std::free(data_); }

bool PieceBuffer::resize(std::size_t capacity) noexcept {
  void* memory = std::realloc(data_, capacity);
  if (!memory) return false;
  data_ = static_cast<char*>(memory);
  capacity_ = capacity;
  return true;
}

void PieceBuffer::give_back() noexcept {
  if (capacity_ < kLargeBytes || size() > capacity_ / 4) return;
  std::memmove(data_, data(), size());
  end_ = size();
  begin_ = 0;
  resize(end_ > kKeptBytes ? end_ : kKeptBytes);
}

bool PieceBuffer::append(const char* piece, std::size_t size) noexcept {
  if (size == 0) return true;
  // moved only when as much was used up, so that all moves together cost no
  // more than the bytes that came
  if (begin_ > 0 && begin_ >= this->size()) {
    std::memmove(data_, data(), this->size());
    end_ = this->size();
    begin_ = 0;
    std::size_t kept = end_ + size > kKeptBytes ? end_ + size : kKeptBytes;
    if (capacity_ > kKeptBytes && kept < capacity_ / 2) resize(kept);
  }
  std::size_t needed = end_ + size;
  if (needed > capacity_) {
    // where memory is large, realloc moves pages: growing often costs little
    std::size_t more = capacity_ < kLargeBytes ? capacity_ * 2 : capacity_ + kLargeBytes / 2;
    if (capacity_ < kFirstBytes / 2) more = kFirstBytes;
    if (!resize(needed > more ? needed : more)) return false;
  }
  std::memcpy(data_ + end_, piece, size);
  end_ = needed;
  return true;
}

void PieceBuffer::clear() noexcept {
  begin_ = end_ = 0;
  if (capacity_ > kKeptBytes) resize(kKeptBytes);
}

void BalanceScanner::begin() noexcept {
  depth_ = 0;
  in_string_ = escaped_ = false;
}

BalanceScanner::Found BalanceScanner::bracket(char c) noexcept {
  if (c == '{' || c == '[') {
    if (depth_ == kMaxNesting) return Found::kTooDeep;
    open_[static_cast<std::size_t>(depth_++)] = c;
    return Found::kMore;
  }
  char opened = open_[static_cast<std::size_t>(--depth_)];
  if (opened != (c == '}' ? '{' : '[')) return Found::kUnbalanced;
  return depth_ == 0 ? Found::kEnd : Found::kMore;
}

BalanceScanner::Found BalanceScanner::scan_block(const char* block, std::size_t& used) noexcept {
  Marks marks(block);
  std::uint64_t escaped = marks.backslashes != 0 || escaped_ ? escaped_by(marks.backslashes, escaped_) : 0;
  std::uint64_t strings = parity_up_to(marks.quotes & ~escaped) ^ (in_string_ ? ~0ull : 0);
  for (std::uint64_t brackets = marks.brackets & ~strings & ~escaped; brackets != 0; brackets &= brackets - 1) {
    auto at = static_cast<std::size_t>(std::countr_zero(brackets));
    Found found = bracket(block[at]);
    if (found == Found::kMore) continue;
    used = at + 1;
    return found;
  }
  in_string_ = strings >> 63 != 0;
  used = kBlock;
  return Found::kMore;
}

BalanceScanner::Found BalanceScanner::scan_byte(char c) noexcept {
  if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    in_string_ = !in_string_;
  } else if (!in_string_ && (c == '{' || c == '}' || c == '[' || c == ']')) {
    return bracket(c);
  }
  return Found::kMore;
}

BalanceScanner::Found BalanceScanner::scan(const char* text, std::size_t size, std::size_t& at) noexcept {
  while (at < size) {
    std::size_t used = 1;
    Found found = size - at >= kBlock ? scan_block(text + at, used) : scan_byte(text[at]);
    at += used;
    if (found != Found::kMore) return found;
  }
  return Found::kMore;
}

void RecordSplitter::feed(const char* data, std::size_t size) noexcept try {
  if (state_ == State::kFailed) return;
  if (preview_.size() < kPreviewBytes) preview_.append(data, std::min(size, kPreviewBytes - preview_.size()));
  drop_scanned();
  if (!buffer_.append(data, size)) fail("out of memory");
} catch (const std::bad_alloc&) {
  fail("out of memory");
}

void RecordSplitter::release() noexcept {
  drop_scanned();
  buffer_.give_back();
}

Split RecordSplitter::next(std::string_view& record) noexcept {
  drop_scanned();
  while (state_ != State::kFailed && at_ < buffer_.size()) {
    Split split = step(record);
    if (split != Split::kNeedMore) return split;
  }
  return at_end_of_pieces();
}

Split RecordSplitter::finish() noexcept {
  body_ended_ = true;
  return at_ < buffer_.size() && state_ != State::kFailed ? Split::kNeedMore : at_end_of_pieces();
}

void RecordSplitter::reset() noexcept {
  buffer_.clear();
  at_ = 0;
  state_ = State::kStart;
  escaped_ = results_seen_ = in_results_ = body_ended_ = broke_off_ = false;
  token_size_ = 0;
  preview_.clear();
  reason_.clear();
}

std::string RecordSplitter::preview() const {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (char c : preview_) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      text += c;
    } else {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

Split RecordSplitter::at_end_of_pieces() noexcept {
  if (state_ == State::kFailed) return Split::kFailed;
  if (state_ == State::kComplete) return Split::kEnd;
  if (!body_ended_) return Split::kNeedMore;
  broke_off_ = true;
  return fail("the answer is incomplete");
}

void RecordSplitter::drop_scanned() noexcept {
  if (state_ == State::kInRecord) return;
  buffer_.consume(at_);
  at_ = 0;
}

Split RecordSplitter::go(State state) noexcept {
  state_ = state;
  return Split::kNeedMore;
}

Split RecordSplitter::go_past(State state) noexcept {
  ++at_;
  return go(state);
}

Split RecordSplitter::fail(const char* reason) noexcept {
  state_ = State::kFailed;
  try {
    reason_ = reason;
  } catch (const std::bad_alloc&) {
    reason_ = "out of memory";  // short enough to need none
  }
  return Split::kFailed;
}

Split RecordSplitter::unexpected() noexcept {
  return fail(state_ == State::kFirstRecord || state_ == State::kNextRecord ? "a record is not an object"
              : state_ == State::kComplete ? "there is something after the end of the answer"
              : state_ == State::kStart    ? "the answer is not a result"
                                           : "the answer is not valid JSON");
}

Split RecordSplitter::step(std::string_view& record) noexcept {
  switch (state_) {
    case State::kInRecord:
      return step_record(record);
    case State::kInKey:
      return step_key();
    case State::kInNested:
      return step_nested();
    case State::kInString:
      return step_string();
    case State::kInScalar:
      return step_scalar();
    default:
      return is_blank(buffer_.data()[at_]) ? go_past(state_) : step_between();
  }
}

Split RecordSplitter::step_between() noexcept {
  char c = buffer_.data()[at_];
  switch (state_) {
    case State::kStart:
      return c == '{' ? go_past(State::kFirstKey) : unexpected();
    case State::kFirstKey:
    case State::kNextKey:
      token_size_ = 0;
      if (c == '}' && state_ == State::kFirstKey) return go_past(State::kComplete);
      return c == '"' ? go_past(State::kInKey) : unexpected();
    case State::kColon:
      return c == ':' ? go_past(State::kValue) : unexpected();
    case State::kValue:
      return begin_value(c);
    case State::kAfterValue:
      if (c == '}') return go_past(State::kComplete);
      return c == ',' ? go_past(State::kNextKey) : unexpected();
    case State::kFirstRecord:
    case State::kNextRecord:
      if (c == ']' && state_ == State::kFirstRecord) return go_past(State::kAfterValue);
      return c == '{' ? begin_record() : unexpected();
    case State::kAfterRecord:
      if (c == ']') return go_past(State::kAfterValue);
      return c == ',' ? go_past(State::kNextRecord) : unexpected();
    default:
      return unexpected();
  }
}

Split RecordSplitter::begin_value(char c) noexcept {
  passed_ = token_size_ = 0;
  escaped_ = false;
  if (in_results_) {
    if (c == '[') return go_past(State::kFirstRecord);
    return c == 'n' ? go(State::kInScalar) : fail("the results are not a list");
  }
  if (c == '"') return go_past(State::kInString);
  if (c != '{' && c != '[') return go(State::kInScalar);
  scanner_.begin();
  return go(State::kInNested);
}

Split RecordSplitter::begin_record() noexcept {
  drop_scanned();
  scanner_.begin();
  return go(State::kInRecord);
}

Split RecordSplitter::step_record(std::string_view& record) noexcept {
  auto found = scanner_.scan(buffer_.data(), buffer_.size(), at_);
  if (found == BalanceScanner::Found::kUnbalanced) return fail("a record's brackets do not match");
  if (found == BalanceScanner::Found::kTooDeep) return fail("a record is nested too deep");
  if (at_ > kMaxRecordBytes) return fail("a record is too long");
  if (found == BalanceScanner::Found::kMore) return Split::kNeedMore;
  record = {buffer_.data(), at_};
  state_ = State::kAfterRecord;
  return Split::kRecord;
}

Split RecordSplitter::step_nested() noexcept {
  std::size_t before = at_;
  auto found = scanner_.scan(buffer_.data(), buffer_.size(), at_);
  if (found == BalanceScanner::Found::kUnbalanced) return unexpected();
  if (found == BalanceScanner::Found::kTooDeep) return fail("the answer is nested too deep");
  if (passed_too_much(at_ - before)) return Split::kFailed;
  return go(found == BalanceScanner::Found::kEnd ? State::kAfterValue : State::kInNested);
}

Split RecordSplitter::step_string() noexcept {
  char c = buffer_.data()[at_];
  if (passed_too_much(1)) return Split::kFailed;
  if (static_cast<unsigned char>(c) < 0x20) return unexpected();
  bool escaped = std::exchange(escaped_, !escaped_ && c == '\\');
  return go_past(c == '"' && !escaped ? State::kAfterValue : State::kInString);
}

Split RecordSplitter::step_key() noexcept {
  char c = buffer_.data()[at_];
  if (c == '"') return take_key();
  // no key that is known is long or has an escape
  if (c == '\\' || !push_token(c)) return fail("the answer is not a result");
  return go_past(State::kInKey);
}

// A key that is not known may tell of an error, before or after the results.
Split RecordSplitter::take_key() noexcept {
  in_results_ = token() == "results";
  if (!in_results_ && !is_side_key(token())) {
    return fail(results_seen_ ? "there is more than a result in the answer" : "the answer is not a result");
  }
  if (in_results_ && std::exchange(results_seen_, true)) return fail("the answer has its results twice");
  return go_past(State::kColon);
}

Split RecordSplitter::step_scalar() noexcept {
  char c = buffer_.data()[at_];
  if (is_blank(c) || c == ',' || c == '}') return take_scalar();
  return push_token(c) ? go_past(State::kInScalar) : unexpected();
}

Split RecordSplitter::take_scalar() noexcept {
  if (in_results_ && token() != "null") return fail("the results are not a list");
  return is_scalar(token()) ? go(State::kAfterValue) : unexpected();
}

bool RecordSplitter::passed_too_much(std::size_t count) noexcept {
  passed_ += count;
  if (passed_ <= kMaxRecordBytes) return false;
  fail("a part of the answer is too long");
  return true;
}

bool RecordSplitter::push_token(char c) noexcept {
  if (token_size_ == token_.size()) return false;
  token_[token_size_++] = c;
  return true;
}

}  // namespace pendo
