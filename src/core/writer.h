// What the senders of records and of events have in common: they take one after
// the other, keep calls in flight, and account for each.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "client.h"
#include "outcome.h"
#include "wall.h"

namespace pendo {

// What became of one record.
struct RecordResult {
  enum class Kind { kApplied, kMissing, kUncertain, kInvalid };  // the later one counts more

  Kind kind = Kind::kApplied;
  std::string id;
  std::string values;   // as JSON; empty for kApplied
  std::string message;  // Pendo's words, or why it is uncertain
};

// A call that a dry run kept from being sent.
struct DryCall {
  std::string url;
  std::int64_t records = 0;
  std::string body;
  std::string app = {};  // whose track secret it would have; empty: the plain one
};

class Writer : public Operation {
 public:
  // Takes what an encoder made, under its id (or label). kDone: it was taken.
  // kWouldBlock: all calls are in flight, wait and offer the same again. After
  // kFailed every record is in outcome(), or was not sent.
  virtual Status add(std::string_view id, std::string_view encoded) noexcept = 0;

  // Sends what is left and waits for every answer. kDone: all are settled.
  virtual Status finish() noexcept = 0;

  // Ends every call. Records whose calls were under way count as uncertain.
  virtual void abandon() noexcept = 0;

  // Records whose calls are not answered yet.
  virtual std::int64_t under_way() const noexcept = 0;

  // Let next_result() also tell of records that Pendo took, where it can.
  void tell_applied() noexcept { tells_applied_ = true; }

  // False: there are no more for now. Ask after each add() and finish(), also
  // after failed ones.
  bool next_result(RecordResult& out) noexcept { return take_first(results_, out); }
  bool next_dry_call(DryCall& out) noexcept { return take_first(dry_calls_, out); }  // with options.dry_run

  const Outcome& outcome() const noexcept { return outcome_; }

 protected:
  using Operation::Operation;

  // How long calls that are under way may go on after one has failed for good.
  static constexpr std::int64_t kGraceMs = 5000;
  static constexpr std::string_view kEndedUnderWay = "it was under way when the statement or transaction ended";

  // What is said of a refusal before its own words, where a lost answer came first.
  static constexpr std::string_view kEarlierTry =
      "an earlier try may have been taken, for its answer was lost or unclear; the last one: ";

  // Such an answer says that this try left nothing behind. 408 comes when half of it
  // may be done.
  static bool turned_away(int status) noexcept { return status >= 400 && status < 500 && status != 408; }

  // Counts the record and tells what became of it. Most are taken, and of these
  // next to nothing is to be told.
  void tell_taken(std::string_view id);
  void tell(RecordResult result);

  // For ever: nothing more is sent, what is under way gets a little time to end.
  // The failure is kept for when it has.
  Status start_failing(Failure failure);

  bool tells_applied_ = false;
  bool failing_ = false;
  Failure reason_;  // why
  std::deque<RecordResult> results_;
  std::deque<DryCall> dry_calls_;
  Outcome outcome_;

 private:
  virtual void wind_up_calls() noexcept = 0;

  template <class Item>
  static bool take_first(std::deque<Item>& items, Item& out) noexcept {
    if (items.empty()) return false;
    out = std::move(items.front());
    items.pop_front();
    return true;
  }
};

}  // namespace pendo
