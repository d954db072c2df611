// One call whose whole answer is wanted: the metadata schema, the key check.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "call.h"
#include "client.h"
#include "metadata_schema.h"
#include "wall.h"

namespace pendo {

class Fetch : public Operation {
 public:
  // nullptr: `failure` tells why. Nothing is sent before the first run().
  static std::unique_ptr<Fetch> create(std::shared_ptr<Client> client, Request request,
                                       const CallOptions& options, Failure& failure) noexcept;

  // kDone: answered with 2xx, see reply(). kFailed: see failure().
  Status run() noexcept;

  const std::string& reply() const noexcept { return call_.reply(); }
  int http_status() const noexcept { return call_.http_status(); }
  int tries() const noexcept { return call_.tries(); }
  std::int64_t take_wire_bytes() noexcept { return call_.take_wire_bytes(); }
  std::int64_t elapsed_ms() const noexcept { return call_.elapsed_ms(); }

 private:
  Fetch(std::shared_ptr<Client> client, Request request, const CallOptions& options);

  CallOptions options_;
  Call call_;
  Request request_;
  bool started_ = false;
};

// The fields of a metadata kind, asked for at each call of create().
class SchemaFetch {
 public:
  static std::unique_ptr<SchemaFetch> create(std::shared_ptr<Client> client, std::string_view kind,
                                             const CallOptions& options, Failure& failure) noexcept;
  Status run() noexcept;
  int fd() const noexcept { return fetch_->fd(); }
  const Failure& failure() const noexcept { return failure_; }
  const std::vector<SchemaField>& fields() const noexcept { return fields_; }

 private:
  std::shared_ptr<Client> client_;
  std::string kind_;
  std::unique_ptr<Fetch> fetch_;
  std::vector<SchemaField> fields_;
  Failure failure_;
};

// Can the track host be reached? Connects (with TLS where the URL says so) and
// sends nothing: a track call would count as an event.
class ConnectProbe : public Operation {
 public:
  static std::unique_ptr<ConnectProbe> create(std::shared_ptr<Client> client, Failure& failure) noexcept;
  Status run() noexcept;

 private:
  explicit ConnectProbe(std::shared_ptr<Client> client);

  CallOptions options_;
  Call call_;
  bool started_ = false;
};

}  // namespace pendo
