// The one place where both worlds meet. A core object lives in a Box that a
// memory context frees; a failed status becomes an ereport once no C++ frame
// with a destructor is alive. Include after compat.h.
#pragma once

#include <memory>
#include <new>

#include "core/client.h"
#include "core/failure.h"
#include "core/fetch.h"
#include "fdw/compat.h"

// Reports `failure` as an ERROR. The failure must be owned by something that
// outlives the jump (a Box, an operation).
[[noreturn]] void pendo_report(const pendo::Failure& failure);
[[noreturn]] void pendo_out_of_memory();

// Text of the core (UTF-8) as a palloc'd string of the database's encoding;
// what does not fit becomes a question mark, so that a message never fails.
char* pendo_message_text(const char* text, std::size_t size);

// From now on every wait ends with an ERROR at that time; 0: never. To be taken
// back at the end of the transaction. `is_statements`: it is statement_timeout's.
void pendo_set_deadline(TimestampTz when, bool is_statements);

// Called after each wait, and at least that often while waiting; nullptr: none.
using PendoWaitHook = void (*)(void);
void pendo_set_wait_hook(PendoWaitHook hook, int every_ms);

// Waits until `fd` is readable or the latch is set, then lets PostgreSQL act on
// cancel, timeouts and termination: it may not return. Tells the milliseconds.
double pendo_wait(int fd);

// Runs a call that may have to wait, to its end. `step` answers a Status and
// must be trivially destructible. Reports failures.
template <class Operation, class Step>
pendo::Status pendo_drive(Operation* operation, Step step) {
  static_assert(std::is_trivially_destructible_v<Step>);
  for (;;) {
    pendo::Status status = step();
    if (status == pendo::Status::kFailed) pendo_report(operation->failure());
    if (status != pendo::Status::kWouldBlock) return status;
    double waited = pendo_wait(operation->fd());
    if constexpr (requires { operation->add_waiting(waited); }) operation->add_waiting(waited);
  }
}

// A core object and the failure of its making, owned by a memory context.
template <class T>
struct PendoBox {
  std::unique_ptr<T> object;
  pendo::Failure failure;

  T* operator->() const noexcept { return object.get(); }
  T* get() const noexcept { return object.get(); }
};

// The callback is registered before the box exists, so that nothing leaks. It
// runs when `context` is reset, also after an error; it never reports.
template <class T>
PendoBox<T>* pendo_box(MemoryContext context) {
  auto* callback = static_cast<MemoryContextCallback*>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
  callback->func = [](void* arg) { delete static_cast<PendoBox<T>*>(arg); };
  MemoryContextRegisterResetCallback(context, callback);
  auto* box = new (std::nothrow) PendoBox<T>;
  if (!box) pendo_out_of_memory();
  callback->arg = box;
  return box;
}

// Makes the object of a box; `make` returns a unique_ptr and fills the failure.
template <class T, class Make>
T* pendo_make(PendoBox<T>* box, Make make) {
  static_assert(std::is_trivially_destructible_v<Make>);
  [&]() noexcept {
    try {
      box->object = make(box->failure);
    } catch (const std::bad_alloc&) {
      box->failure = pendo::Failure{pendo::sqlstate::kOutOfMemory, {}, {}, {}, 0};
    }
  }();
  if (!box->object) pendo_report(box->failure);
  return box->object.get();
}

// A palloc'd copy of the text that `make` makes, out of reach of a longjmp: `before`
// bytes of room, the text, a null byte. `size`, or nullptr: of the text.
template <class Make>
char* pendo_palloced(Make make, Size before = 0, Size* size = nullptr) {
  static_assert(std::is_trivially_destructible_v<Make>);
  std::string* text = nullptr;
  [&]() noexcept {
    try {
      text = new std::string(make());
    } catch (const std::bad_alloc&) {
    }
  }();
  if (!text) pendo_out_of_memory();
  auto* copy = static_cast<char*>(palloc_extended(before + text->size() + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
  if (copy) memcpy(copy + before, text->c_str(), text->size() + 1);
  if (size) *size = text->size();
  delete text;
  if (!copy) pendo_out_of_memory();
  return copy;
}

// A Client as the session keeps it: shared with the operations that use it.
using PendoClientRef = std::shared_ptr<pendo::Client>;

// A secret, and where an option names the file that it is in, that; with `problem`
// (and SQLSTATE and hint, static) why it is not to be had.
struct PendoSecretText {
  const char* text = nullptr;
  const char* file = nullptr;
  const char* sqlstate = nullptr;
  const char* problem = nullptr;
  const char* hint = nullptr;
};

struct PendoAppSecret {
  const char* app;
  PendoSecretText secret;
};

// The texts of a configuration, in the server's encoding (ASCII where it matters).
struct PendoConfigText {
  const char* server_name;
  const char* api_url;
  const char* track_url;
  const char* ca_file;
  PendoSecretText integration_key;
  PendoSecretText track_secret;
  const PendoAppSecret* app_secrets;
  int app_count;
  bool has_mapping;
  const char* mapping;  // as a statement names it: role SERVER server
  int64 connect_timeout_ms;
  int64 request_timeout_ms;
};

// nullptr: out of memory.
PendoClientRef* pendo_client_new(const PendoConfigText& text) noexcept;
// Does it have exactly this configuration?
bool pendo_client_has(const PendoClientRef* client, const PendoConfigText& text) noexcept;
void pendo_client_free(PendoClientRef* client) noexcept;
