// Calls with a buffered answer.
#include "fetch.h"

#include <new>
#include <utility>

#include "answer_limit.h"
#include "printable.h"

namespace pendo {

std::unique_ptr<Fetch> Fetch::create(std::shared_ptr<Client> client, Request request,
                                     const CallOptions& options, Failure& failure) noexcept try {
  std::unique_ptr<Fetch> fetch(new Fetch(std::move(client), std::move(request), options));
  if (fetch->ready() && fetch->need_integration_key() && fetch->call_.valid()) return fetch;
  failure = fetch->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

Fetch::Fetch(std::shared_ptr<Client> client, Request request, const CallOptions& options)
    : Operation(std::move(client)), options_(options), call_(config(), options_), request_(std::move(request)) {}

Status Fetch::run() noexcept {
  if (!started_) {
    started_ = true;
    if (!call_.start(*reactor_, std::move(request_), nullptr)) return out_of_memory();
  }
  drive();
  if (!call_.done()) return answered(Status::kWouldBlock);
  return call_.succeeded() ? Status::kDone : fail(call_.failure());
}

std::unique_ptr<SchemaFetch> SchemaFetch::create(std::shared_ptr<Client> client, std::string_view kind,
                                                 const CallOptions& options, Failure& failure) noexcept try {
  auto schema = std::make_unique<SchemaFetch>();
  schema->client_ = client;
  schema->kind_ = kind;
  Request request{.kind = CallKind::kRead, .post = false, .to_track_host = false, .connect_only = false,
                  .path = "/api/v1/metadata/schema/" + std::string(kind), .body = {}};
  schema->fetch_ = Fetch::create(std::move(client), std::move(request), options, failure);
  if (!schema->fetch_) return nullptr;
  return schema;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

Status SchemaFetch::run() noexcept try {
  Status status = fetch_->run();
  if (status == Status::kFailed) failure_ = fetch_->failure();
  if (status != Status::kDone) return status;
  std::string reason;
  if (parse_schema(fetch_->reply(), fields_, reason)) {
    client_->set_fields_of(kind_, fields_);
    return Status::kDone;
  }
  failure_ = Failure{sqlstate::kReplyHandle,
                     "cannot make sense of the metadata schema of server \"" + client_->config().server_name +
                         "\": " + reason,
                     "GET /api/v1/metadata/schema/" + kind_ + " answered 200 with a body that begins: " +
                         shown_reply(client_->config(), fetch_->reply(), 200),
                     "Check the server's region or api_url.", 200};
  name_limit(failure_, reason);
  return Status::kFailed;
} catch (const std::bad_alloc&) {
  failure_ = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return Status::kFailed;
}

ConnectProbe::ConnectProbe(std::shared_ptr<Client> client)
    : Operation(std::move(client)), options_{}, call_(config(), options_) {}

std::unique_ptr<ConnectProbe> ConnectProbe::create(std::shared_ptr<Client> client, Failure& failure) noexcept try {
  std::unique_ptr<ConnectProbe> probe(new ConnectProbe(std::move(client)));
  if (probe->ready() && probe->call_.valid()) return probe;
  failure = probe->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

Status ConnectProbe::run() noexcept {
  if (!started_) {
    started_ = true;
    Request request{.kind = CallKind::kProbe, .post = false, .to_track_host = true, .connect_only = true,
                    .path = {}, .body = {}};
    if (!call_.start(*reactor_, std::move(request), nullptr)) return out_of_memory();
  }
  drive();
  if (!call_.done()) return answered(Status::kWouldBlock);
  return call_.succeeded() ? Status::kDone : fail(call_.failure());
}

}  // namespace pendo
