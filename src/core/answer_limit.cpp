// The readers' reasons that stand for limits.
#include "answer_limit.h"

namespace pendo {
namespace {

struct Limit {
  std::string_view reason;  // the end of what a reader says
  std::string_view hint;
};

constexpr Limit kLimits[] = {
    {"nested too deep", "Lists and objects may be nested 512 deep."},  // kMaxNesting
    {"a record is too long", kRecordLimitHint},                        // kMaxRecordBytes
    {"a part of the answer is too long", kRecordLimitHint},
    {"a name in it is too long", "The name of a field or of its group may have 1000 bytes."},
    {"it has too many fields", "A schema may have 100000 fields."},
};

}  // namespace

void name_limit(Failure& failure, std::string_view reason) {
  for (const Limit& limit : kLimits) {
    if (!reason.ends_with(limit.reason)) continue;
    failure.sqlstate = sqlstate::kProgramLimit;
    failure.hint = limit.hint;
  }
}

}  // namespace pendo
