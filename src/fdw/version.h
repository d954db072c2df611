// The version of the extension's SQL that this library goes with: default_version
// in pendo_fdw.control.
#pragma once

#define PENDO_FDW_VERSION "1.0"
