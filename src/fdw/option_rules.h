// Which options there are, where each may stand and what it may be; and reading
// one of a list that has passed.
#pragma once

#include "fdw/compat.h"

enum OptionPlace : unsigned {
  kServer = 1,
  kMapping = 2,
  kTable = 4,
  kColumn = 8,
  kImport = 16,
};

// So many records, or that share of all.
struct PendoLimit {
  double value = 100;
  bool is_percent = true;
};

// An ERROR for what does not belong there or is not allowed.
void pendo_validate_options(List* options, unsigned place);

// nullptr where the option is not in the list.
const char* pendo_find_option(List* options, const char* name);

// The rest of the name of an option that begins so, or nullptr: the app of
// "track_secret:mobile".
constexpr const char* kAppSecretPrefix = "track_secret:";
constexpr const char* kAppSecretFilePrefix = "track_secret_file:";
const char* pendo_option_suffix(const char* name, const char* prefix);

int64 pendo_number_option(List* options, const char* name, int64 otherwise);
bool pendo_switch_option(List* options, const char* name, bool otherwise);
PendoLimit pendo_limit_option(List* options, const char* name, PendoLimit otherwise);
