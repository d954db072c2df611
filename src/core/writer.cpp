// Accounting.
#include "writer.h"

#include <utility>

namespace pendo {

void Writer::tell_taken(std::string_view id) {
  outcome_.add_applied(id);
  if (tells_applied_) results_.push_back({RecordResult::Kind::kApplied, std::string(id), {}, {}});
}

void Writer::tell(RecordResult result) {
  using Kind = RecordResult::Kind;
  switch (result.kind) {
    case Kind::kApplied:
      return tell_taken(result.id);
    case Kind::kMissing:
      outcome_.add_missing(result.id);
      break;
    case Kind::kUncertain:
      outcome_.add_uncertain(result.id, result.message);
      break;
    case Kind::kInvalid:
      outcome_.add_invalid(result.id, result.message);
      break;
  }
  results_.push_back(std::move(result));
}

Status Writer::start_failing(Failure failure) {
  if (!failing_) {
    failing_ = true;
    reason_ = pendo::without_secrets(config(), std::move(failure));
    wind_up_calls();
  }
  return Status::kFailed;
}

}  // namespace pendo
