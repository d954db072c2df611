// The answer of a bulk call: where it accounts for the records, its numbers add up
// and its ids are those that were sent.
#include "bulk_reply.h"

#include "fuzz.h"

namespace pendo::fuzz {
namespace {

void check_account(const BulkReply& reply, std::size_t sent) {
  std::int64_t failed = reply.failed_records();
  if (!reply.consistent(sent)) return;
  auto all = static_cast<std::int64_t>(sent);
  require(failed >= 0 && failed <= all, "no more records fail than were sent");
  require(reply.updated < 0 || reply.updated + failed == all, "taken and failed are all");
  require(!reply.lists_failures || static_cast<std::int64_t>(reply.missing.size() + reply.errors.size()) == failed, "all that failed are listed");
}

}  // namespace

void bulk_reply(std::string_view input) {
  Input choices(input);
  std::size_t sent = choices.below(10);
  HeapCopy body(choices.rest());
  BulkReply reply;
  std::string reason;
  bool good = parse_bulk_reply(body.view(), reply, reason);
  require(good == reason.empty(), "a failure has a reason");
  if (!good) return;
  check_account(reply, sent);
  IdSet ids{"v1", "v2", "7"};
  bool known = reply.names_only(ids);
  for (const auto& id : reply.missing) require(!known || ids.contains(id), "a missing id was sent");
  for (const auto& error : reply.errors) {
    require(!known || error.id.empty() || ids.contains(error.id), "a refused id was sent");
    require(error.text.size() <= 500, "Pendo's words are cut");
  }
  require(reply.names_any() == (reply.missing.size() + reply.errors.size() > 0), "names are names");
}

}  // namespace pendo::fuzz
