// Bytes of a spool: appended, cut off at the end, read anywhere. The first 64 kB
// stay in memory; what is more goes to a temporary file. For spool.cpp only.
#pragma once

#include "fdw/compat.h"

extern "C" {
#include "storage/fd.h"
#include "utils/resowner.h"
}

struct SpoolFile {
  MemoryContext context;
  ResourceOwner owner;  // of the file
  File file;       // 0: none yet
  int64 end;       // what is appended and committed
  int64 flushed;   // the file holds the bytes below; beyond `end` they are junk
  char* tail;      // the bytes from `flushed` on
  Size tail_size;
  Size tail_room;
};

void spool_file_init(SpoolFile* file, MemoryContext context, ResourceOwner owner);
void spool_file_close(SpoolFile* file);

// Appended bytes count from spool_file_commit() on. After an ERROR in between,
// the next spool_file_begin() starts again at the former end.
void spool_file_begin(SpoolFile* file);
void spool_file_append(SpoolFile* file, const void* data, Size size);
void spool_file_commit(SpoolFile* file);

// Forgets what is behind `end`. Never fails; the file on disk stays as it is.
void spool_file_truncate(SpoolFile* file, int64 end);

// The caller asks for committed bytes only.
void spool_file_read(const SpoolFile* file, int64 position, char* data, Size size);
