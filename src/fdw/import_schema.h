// IMPORT FOREIGN SCHEMA pendo FROM SERVER ... INTO ...
#pragma once

#include "fdw/compat.h"

List* pendoImportForeignSchema(ImportForeignSchemaStmt* stmt, Oid serverid);
