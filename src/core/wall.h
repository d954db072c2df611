// The wall between the two worlds: PostgreSQL reports errors by longjmp, C++ by
// unwinding, so no file of the core may see a PostgreSQL header. Every core
// header includes this one, and the core is compiled with PENDO_CORE_BUILD:
// postgres.h before it is an error, postgres.h after it uses a poisoned name.
#pragma once

#if defined(PENDO_CORE_BUILD)
#if defined(POSTGRES_H) || defined(C_H) || defined(FMGR_H)
#error "src/core must not see PostgreSQL headers"
#endif
#pragma GCC poison ereport elog palloc pfree Datum MemoryContext
#endif
