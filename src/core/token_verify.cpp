// Pendo: {"valid":true,"writeAccess":true}.
#include "token_verify.h"

#include "json_reader.h"

namespace pendo {
namespace {

bool parse(std::string_view body, bool& valid, bool& write_access) {
  Document document;
  std::string reason;
  if (!parse_object(body, document, reason)) return false;
  const JsonValue* is_valid = member_of(document, "valid");
  const JsonValue* may_write = member_of(document, "writeAccess");
  if (!is_valid || !is_valid->IsBool()) return false;
  valid = is_valid->GetBool();
  write_access = may_write && may_write->IsTrue();
  return true;
}

}  // namespace

bool parse_token_verify(std::string_view body, bool& valid, bool& write_access) noexcept try {
  valid = write_access = false;
  return parse(body, valid, write_access);
} catch (const std::bad_alloc&) {
  return false;
}

}  // namespace pendo
