// The pool of reactors and the common ground of operations.
#include "client.h"

#include <new>
#include <utility>

namespace pendo {
namespace {

// Each idle reactor keeps two descriptors and its connections.
constexpr std::size_t kMaxIdleReactors = 4;

}  // namespace

std::unique_ptr<Reactor> Client::lease() noexcept {
  if (idle_.empty()) return Reactor::create();
  auto reactor = std::move(idle_.back());
  idle_.pop_back();
  return reactor;
}

void Client::give_back(std::unique_ptr<Reactor> reactor) noexcept {
  if (!reactor || reactor->busy() || idle_.size() >= kMaxIdleReactors) return;
  try {
    idle_.push_back(std::move(reactor));
  } catch (const std::bad_alloc&) {
    // it is closed instead
  }
}

const std::vector<SchemaField>* Client::fields_of(std::string_view kind) const noexcept {
  auto found = fields_.find(kind);
  return found == fields_.end() ? nullptr : &found->second;
}

void Client::set_fields_of(std::string_view kind, std::vector<SchemaField> fields) {
  fields_.insert_or_assign(std::string(kind), std::move(fields));
}

void Client::forget_fields_of(std::string_view kind) noexcept {
  auto found = fields_.find(kind);
  if (found != fields_.end()) fields_.erase(found);
}

Operation::Operation(std::shared_ptr<Client> client) noexcept
    : client_(std::move(client)), reactor_(client_->lease()) {}

Operation::~Operation() { client_->give_back(std::move(reactor_)); }

bool Operation::ready() noexcept {
  if (reactor_) return true;
  out_of_memory();
  return false;
}

bool Operation::need_integration_key() noexcept try {
  if (!config().integration_key.text.empty()) return true;
  fail(no_integration_key(config()));
  return false;
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

bool Operation::need_track_secret() noexcept try {
  if (has_track_secret(config())) return true;
  fail(no_track_secret(config()));
  return false;
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

Status Operation::fail(Failure failure) noexcept try {
  failure_ = pendo::without_secrets(config(), std::move(failure));
  return Status::kFailed;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status Operation::fail(const char* state, std::string message, std::string detail, std::string hint) noexcept {
  return fail(Failure{state, std::move(message), std::move(detail), std::move(hint), 0});
}

Status Operation::out_of_memory() noexcept {
  failure_ = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return Status::kFailed;
}

}  // namespace pendo
