// The secrets of a configuration: which one a call needs, what to say where it is
// not there, and how they stay out of messages.
#pragma once

#include <string>
#include <string_view>

#include "config.h"
#include "failure.h"
#include "wall.h"

namespace pendo {

// 1 to 500 printable ASCII characters without blanks: what goes into a header must
// not be able to start another one.
bool is_secret(std::string_view text) noexcept;

// 1 to 40 letters, digits, '_', '-' and '.'.
bool is_app_name(std::string_view app) noexcept;

// The secret of an app's events; of those without one where `app` is empty.
// nullptr: it is not set.
const Secret* track_secret_of(const Config& config, std::string_view app) noexcept;

bool has_track_secret(const Config& config) noexcept;  // of any app, or of none

// Of a secret that is not set or has a problem. May throw std::bad_alloc, as what
// follows.
Failure no_integration_key(const Config& config);
Failure no_track_secret(const Config& config);  // of events that name no app
Failure no_app_secret(const Config& config, std::string_view app);

// The text with each secret replaced, even if the other side repeats it; also the
// beginning of one at its end, where it may have been cut.
std::string without_secrets(const Config& config, std::string text);
Failure without_secrets(const Config& config, Failure failure);

// What came from the other side, for a message: printable() of it. Never the other
// way round: of a secret that is cut first, the beginning would be shown.
std::string shown_reply(const Config& config, std::string_view reply, std::size_t limit);

}  // namespace pendo
