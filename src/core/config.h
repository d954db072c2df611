// What the core must know of one server and one user mapping, and the numbers
// that govern its calls. Filled by the PostgreSQL side from options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"
#include "wall.h"

namespace pendo {

// An integration key or a track secret.
struct Secret {
  std::string text;        // empty: not set, or not to be had
  bool from_file = false;  // an option names the file that it is in
  Failure problem;         // why it is not to be had; without a message: none

  bool is_set() const noexcept { return from_file || !text.empty(); }
  bool operator==(const Secret&) const = default;
};

// The Track Event shared secret of one app.
struct AppSecret {
  std::string app;
  Secret secret;

  bool operator==(const AppSecret&) const = default;
};

struct Config {
  std::string server_name;  // for messages
  std::string api_url;      // without trailing slash
  std::string track_url;
  std::string ca_file;          // empty: the system's
  Secret integration_key;
  Secret track_secret;  // of events that name no app
  std::vector<AppSecret> app_secrets;
  bool has_mapping = false;  // the role has a user mapping, whatever is in it
  std::string mapping;       // as a statement names it: role SERVER server
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t request_timeout_ms = 330'000;

  bool operator==(const Config&) const = default;
};

// Options that a table may set differently from its server.
struct CallOptions {
  int max_retries = 5;
  std::int64_t retry_timeout_ms = 600'000;
  int batch_size = 1000;
  std::int64_t batch_bytes = 1 << 20;
  int concurrency = 4;
  int event_concurrency = 16;
  bool retry_ambiguous = true;  // an event whose answer was lost is sent again, and may count twice
  bool create_fields = false;  // of metadata, that Pendo does not have yet
  bool dry_run = false;  // make the calls, but send none that writes
  int page_size = 50'000;
  bool include_anonymous = false;
  std::string_view app_id;  // of app_choice.h; empty: the default app. Operations keep a copy
};

}  // namespace pendo
