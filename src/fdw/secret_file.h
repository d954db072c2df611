// Secrets that a file on the database host holds: integration_key_file,
// track_secret_file and "track_secret_file:APP".
#pragma once

#include "bridge/bridge.h"
#include "fdw/compat.h"

// The configuration with what the files hold now, or why they do not: that is no
// error before the secret is needed.
PendoConfigText pendo_read_secret_files(const PendoConfigText& config);

// An ERROR where the options of a user mapping give one secret in both forms.
void pendo_refuse_two_forms(List* mapping_options);
