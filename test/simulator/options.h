// The command line.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fields.h"
#include "world.h"

namespace simulator {

struct Options {
  int port = 0;
  DataOptions data;
  std::vector<std::pair<std::string, std::string>> switches;
  FurtherKeys further_keys;
  std::string journal;  // a file, or nothing
  bool help = false;
};

// False with a message for the user.
bool parse_options(const std::vector<std::string>& arguments, Options& options, std::string& error);

extern const char* const kUsage;

}  // namespace simulator
