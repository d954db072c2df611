// One server and one user mapping: the configuration, warm connections, and
// what is known of the subscription's metadata fields. Operations share it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "failure.h"
#include "metadata_schema.h"
#include "reactor.h"
#include "secrets.h"
#include "wall.h"

namespace pendo {

class Client {
 public:
  explicit Client(Config config) : config_(std::move(config)) {}

  const Config& config() const noexcept { return config_; }

  // An idle reactor, its connections still open, or a new one; nullptr when
  // there are no descriptors left.
  std::unique_ptr<Reactor> lease() noexcept;
  void give_back(std::unique_ptr<Reactor> reactor) noexcept;

  // Fields of a metadata kind as last asked for in this session, or nullptr.
  const std::vector<SchemaField>* fields_of(std::string_view kind) const noexcept;
  void set_fields_of(std::string_view kind, std::vector<SchemaField> fields);
  void forget_fields_of(std::string_view kind) noexcept;

 private:
  Config config_;
  std::vector<std::unique_ptr<Reactor>> idle_;
  std::map<std::string, std::vector<SchemaField>, std::less<>> fields_;
};

// What every operation on a Client has: a reactor of its own, so that nothing
// is read for a scan while another one waits, and the failure it ended with.
class Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation();

  // Readable when the operation can go on after kWouldBlock.
  virtual int fd() const noexcept { return reactor_->fd(); }
  const Failure& failure() const noexcept { return failure_; }

  // Time that its owner spent waiting for it, as the owner counts it.
  void add_waiting(double milliseconds) noexcept { waiting_ms_ += milliseconds; }
  double waiting_ms() const noexcept { return waiting_ms_; }

 protected:
  explicit Operation(std::shared_ptr<Client> client) noexcept;

  // False (and failure()) when a reactor could not be had.
  bool ready() noexcept;
  bool need_integration_key() noexcept;
  bool need_track_secret() noexcept;  // of any app, or of none
  Status fail(Failure failure) noexcept;
  Status fail(const char* state, std::string message, std::string detail = {}, std::string hint = {}) noexcept;
  Status out_of_memory() noexcept;

  // Lets the reactor go on. What an operation answers goes through answered(),
  // so that time spent elsewhere can be told from time spent waiting.
  void drive() noexcept {
    reactor_->advance(waiting_);
    waiting_ = true;
  }
  Status answered(Status status) noexcept {
    waiting_ = status == Status::kWouldBlock;
    return status;
  }

  // The secrets of the configuration are not for messages, even if the other
  // side repeats them.
  std::string without_secrets(std::string text) const { return pendo::without_secrets(config(), std::move(text)); }
  std::string shown_reply(std::string_view reply, std::size_t limit) const { return pendo::shown_reply(config(), reply, limit); }

  const Config& config() const noexcept { return client_->config(); }

  std::shared_ptr<Client> client_;
  std::unique_ptr<Reactor> reactor_;
  Failure failure_;

 private:
  bool waiting_ = false;
  double waiting_ms_ = 0;
};

}  // namespace pendo
