// Cuts the body of an aggregation's answer into records while it arrives. It
// sees where values begin and end, not what is in them: that is for whoever
// parses a record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "json_text.h"
#include "wall.h"

namespace pendo {

// A longer record is refused.
inline constexpr std::size_t kMaxRecordBytes = 8u << 20;

enum class Split { kRecord, kNeedMore, kEnd, kFailed };

// Bytes that have come and are not used up. Memory stays where it is large
// (realloc moves pages, not bytes) and is given back after a large record.
class PieceBuffer {
 public:
  PieceBuffer() = default;
  PieceBuffer(const PieceBuffer&) = delete;
  PieceBuffer& operator=(const PieceBuffer&) = delete;
  ~PieceBuffer();

  const char* data() const noexcept { return data_ + begin_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::size_t capacity() const noexcept { return capacity_; }
  void consume(std::size_t count) noexcept { begin_ += count; }
  void clear() noexcept;
  void give_back() noexcept;  // what is not in use, if it is much

  // False: out of memory.
  bool append(const char* piece, std::size_t size) noexcept;

 private:
  bool resize(std::size_t capacity) noexcept;

  char* data_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

// Finds the end of a list or object, in as many pieces as it takes.
class BalanceScanner {
 public:
  enum class Found { kEnd, kMore, kUnbalanced, kTooDeep };

  // The bracket that the value begins with is scanned too.
  void begin() noexcept;

  // Goes on at `at` and moves it: to just after the end of the value (kEnd), or
  // to `size` (kMore).
  Found scan(const char* text, std::size_t size, std::size_t& at) noexcept;

 private:
  Found bracket(char c) noexcept;
  Found scan_block(const char* block, std::size_t& used) noexcept;
  Found scan_byte(char c) noexcept;

  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  std::array<char, kMaxNesting> open_;
};

// Pendo: {"results":[{...},{...}],"startTime":...,"details":{...}}, keys in any
// order, results null or absent where there is nothing.
class RecordSplitter {
 public:
  // Takes a copy. What is wrong shows in the next call of next().
  void feed(const char* data, std::size_t size) noexcept;

  // kRecord: `record` is one object's text, good until the next call of any
  // other function. kNeedMore: feed() or finish(). kEnd: the document is
  // complete; what is fed later may still make it kFailed. kFailed: reason().
  Split next(std::string_view& record) noexcept;

  // The body has ended. kEnd: it was complete. kFailed: reason(). kNeedMore:
  // there are fed bytes left to go through with next(), which tells the end.
  Split finish() noexcept;

  // Forgets all, for another body.
  void reset() noexcept;

  // The last record is no longer looked at: a large one is given back.
  void release() noexcept;

  const std::string& reason() const noexcept { return reason_; }

  // After kFailed: it only lacks its end.
  bool broke_off() const noexcept { return broke_off_; }

  // The first 512 bytes of the body, control characters as \xNN. May throw
  // std::bad_alloc.
  std::string preview() const;

  // Bytes that were fed and are not used up.
  std::size_t pending() const noexcept { return buffer_.size() - at_; }

  // What it holds in memory, apart from a constant.
  std::size_t memory() const noexcept { return buffer_.capacity(); }

 private:
  enum class State {
    kStart,        // before the {
    kFirstKey,     // after the {: a key or the }
    kNextKey,      // after a comma: a key
    kInKey,        //
    kColon,        //
    kValue,        // before a key's value
    kAfterValue,   // a comma or the }
    kFirstRecord,  // after the [ of results: a record or the ]
    kNextRecord,   // after a comma: a record
    kInRecord,     //
    kAfterRecord,  // a comma or the ]
    kInNested,     // in a list or object that is passed over
    kInString,     // in a string that is passed over
    kInScalar,     // in a number, true, false or null
    kComplete,     // after the last }
    kFailed,
  };
  // Of these, kNeedMore says: go on.
  Split step(std::string_view& record) noexcept;
  Split step_between() noexcept;
  Split step_key() noexcept;
  Split step_string() noexcept;
  Split step_scalar() noexcept;
  Split step_nested() noexcept;
  Split step_record(std::string_view& record) noexcept;
  Split begin_value(char c) noexcept;
  Split begin_record() noexcept;
  Split take_key() noexcept;
  Split take_scalar() noexcept;
  Split unexpected() noexcept;
  Split go(State state) noexcept;
  Split go_past(State state) noexcept;
  Split fail(const char* reason) noexcept;

  Split at_end_of_pieces() noexcept;
  void drop_scanned() noexcept;
  bool passed_too_much(std::size_t count) noexcept;
  bool push_token(char c) noexcept;
  std::string_view token() const noexcept { return {token_.data(), token_size_}; }

  PieceBuffer buffer_;
  std::size_t at_ = 0;  // scanned so far
  BalanceScanner scanner_;
  State state_ = State::kStart;
  bool escaped_ = false;
  bool results_seen_ = false;
  bool in_results_ = false;  // the value at hand is that of results
  bool body_ended_ = false;
  bool broke_off_ = false;
  std::size_t passed_ = 0;  // bytes of the value at hand that is passed over
  std::array<char, 64> token_;  // a key or scalar
  std::size_t token_size_ = 0;
  std::string preview_;
  std::string reason_;
};

}  // namespace pendo
