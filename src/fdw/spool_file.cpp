// The temporary file below a spool.
#include "fdw/spool_file.h"

extern "C" {
#include "commands/tablespace.h"
}

namespace {

constexpr Size kTail = 64 << 10;
constexpr Size kSmallTail = 1 << 10;

void open_file(SpoolFile* file) {
  ResourceOwner saved = CurrentResourceOwner;
  PrepareTempTablespaces();
  CurrentResourceOwner = file->owner;
  PG_TRY();
  { file->file = OpenTemporaryFile(false); }
  PG_FINALLY();
  { CurrentResourceOwner = saved; }
  PG_END_TRY();
}

[[noreturn]] void report_io(const SpoolFile* file, const char* what) {
  ereport(ERROR, (errcode_for_file_access(), errmsg("could not %s temporary file \"%s\" of pendo_fdw: %m", what, FilePathName(file->file))));
  pg_unreachable();
}

// All or nothing: `flushed` moves when every byte is written. Bytes that a
// failed write left behind are beyond it and will be written over.
void flush_tail(SpoolFile* file) {
  if (file->file == 0) open_file(file);
  Size done = 0;
  while (done < file->tail_size) {
    errno = 0;
    auto written = FileWrite(file->file, file->tail + done, static_cast<int>(file->tail_size - done),
                             static_cast<off_t>(file->flushed + static_cast<int64>(done)), WAIT_EVENT_BUFFILE_WRITE);
    if (written <= 0) {
      if (errno == 0) errno = ENOSPC;
      report_io(file, "write to");
    }
    done += static_cast<Size>(written);
  }
  file->flushed += static_cast<int64>(done);
  file->tail_size = 0;
}

// A run of a few records shall not cost 64 kB.
void grow_tail(SpoolFile* file, Size wanted) {
  Size room = file->tail_room;
  while (room < wanted && room < kTail) room *= 2;
  if (room == file->tail_room) return;
  file->tail = static_cast<char*>(repalloc(file->tail, room));
  file->tail_room = room;
}

}  // namespace

void spool_file_init(SpoolFile* file, MemoryContext context, ResourceOwner owner) {
  memset(file, 0, sizeof(*file));
  file->context = context;
  file->owner = owner;
  file->tail = static_cast<char*>(MemoryContextAlloc(context, kSmallTail));
  file->tail_room = kSmallTail;
}

void spool_file_close(SpoolFile* file) {
  if (file->file != 0) FileClose(file->file);
  file->file = 0;
}

void spool_file_begin(SpoolFile* file) {
  if (file->flushed + static_cast<int64>(file->tail_size) != file->end) spool_file_truncate(file, file->end);
}

void spool_file_append(SpoolFile* file, const void* data, Size size) {
  const char* bytes = static_cast<const char*>(data);
  grow_tail(file, file->tail_size + size);
  while (size > 0) {
    if (file->tail_size == file->tail_room) flush_tail(file);
    Size part = Min(size, file->tail_room - file->tail_size);
    memcpy(file->tail + file->tail_size, bytes, part);
    file->tail_size += part;
    bytes += part;
    size -= part;
  }
}

void spool_file_commit(SpoolFile* file) { file->end = file->flushed + static_cast<int64>(file->tail_size); }

void spool_file_truncate(SpoolFile* file, int64 end) {
  file->end = end;
  if (end < file->flushed) {
    file->flushed = end;
    file->tail_size = 0;
  } else {
    file->tail_size = static_cast<Size>(end - file->flushed);
  }
}

void spool_file_read(const SpoolFile* file, int64 position, char* data, Size size) {
  while (size > 0 && position < file->flushed) {
    Size part = Min(size, static_cast<Size>(file->flushed - position));
    auto got = FileRead(file->file, data, static_cast<int>(Min(part, static_cast<Size>(1) << 30)), static_cast<off_t>(position), WAIT_EVENT_BUFFILE_READ);
    if (got < 0) report_io(file, "read from");
    if (got == 0) ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("temporary file \"%s\" of pendo_fdw ends too early", FilePathName(file->file))));
    position += got;
    data += got;
    size -= static_cast<Size>(got);
  }
  if (size > 0) memcpy(data, file->tail + (position - file->flushed), size);
}
