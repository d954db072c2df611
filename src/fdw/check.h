// SQL: pendo_fdw_check(server name).
#pragma once

#include "fdw/compat.h"

extern "C" {
#include "catalog/objectaddress.h"
#include "utils/acl.h"
}

inline AclResult pendo_server_acl(Oid server) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ForeignServerRelationId, server, GetUserId(), ACL_USAGE);
#else
  return pg_foreign_server_aclcheck(server, GetUserId(), ACL_USAGE);
#endif
}
