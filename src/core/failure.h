// How the core says that something went wrong: a status and a plain struct.
// Nothing in the core throws across its entry points and nothing here knows
// how PostgreSQL reports an error.
#pragma once

#include <string>

#include "wall.h"

namespace pendo {

// What an entry point that may have to wait answers.
enum class Status {
  kRow,         // a row is ready
  kDone,        // finished (or, for writers: the record was taken)
  kWouldBlock,  // wait until fd() is readable, then call again
  kFailed,      // failure() tells what happened; the object is of no further use
};

// SQLSTATEs that the core reports, by PostgreSQL's names.
namespace sqlstate {
inline constexpr const char* kConnectionFailure = "08006";
inline constexpr const char* kCannotConnect = "08001";
inline constexpr const char* kFdwError = "HV000";
inline constexpr const char* kReplyHandle = "HV00L";  // unable to create reply
inline constexpr const char* kInsufficientPrivilege = "42501";
inline constexpr const char* kUndefinedColumn = "42703";
inline constexpr const char* kProgramLimit = "54000";
inline constexpr const char* kDataException = "22000";
inline constexpr const char* kInternalError = "XX000";
inline constexpr const char* kOutOfMemory = "53200";
}  // namespace sqlstate

// One failure, ready to be shown: message in PostgreSQL's style (lower case, no
// full stop), detail and hint whole sentences or empty.
struct Failure {
  const char* sqlstate = sqlstate::kFdwError;
  std::string message;
  std::string detail;
  std::string hint;
  int http_status = 0;  // 0: no answer came

  bool operator==(const Failure&) const = default;
};

}  // namespace pendo
