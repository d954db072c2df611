// The file of a spool, its subtransactions and its readers. It is written by
// fd.c's calls with explicit positions, not by BufFile: a BufFile whose write
// failed keeps a buffer of which nobody can say where it belongs.
#include "fdw/spool.h"

#include "fdw/spool_file.h"

namespace {

// Before each entry's id and payload.
struct EntryHead {
  uint32 id_size;
  uint32 payload_size;
  uint32 kind;
};

constexpr int kMaxKinds = 8;

// Where the spool stood when a subtransaction began to write.
struct Mark {
  int level;  // nest level of that subtransaction
  int64 end;
  int64 counts[kMaxKinds];
};

}  // namespace

struct PendoSpool {
  MemoryContext context;
  bool transactional;

  SpoolFile file;
  PendoSpoolReader* readers;  // a list: they must hear of what is rolled back

  int nkinds;
  uint8 kinds[kMaxKinds];
  int64 counts[kMaxKinds];

  // one per nest level that wrote, deepest last
  Mark* marks;
  int nmarks;
  int marks_room;
};

struct PendoSpoolReader {
  MemoryContext context;
  PendoSpool* spool;  // nullptr: it has ended
  PendoSpoolReader* next;
  int64 position;     // of the next entry
  bool rolled_back;   // what it has read is no longer there

  // a part of the spool: [window_start, window_start + window_size)
  char* window;
  Size window_room;
  int64 window_start;
  Size window_size;
};

namespace {

constexpr Size kWindow = 64 << 10;

int kind_slot(const PendoSpool* spool, uint8 kind) {
  for (int i = 0; i < spool->nkinds; ++i) {
    if (spool->kinds[i] == kind) return i;
  }
  return -1;
}

int kind_slot_made(PendoSpool* spool, uint8 kind) {
  int slot = kind_slot(spool, kind);
  if (slot >= 0) return slot;
  if (spool->nkinds == kMaxKinds) elog(ERROR, "pendo_fdw: a spool has at most %d kinds of entries", kMaxKinds);
  spool->kinds[spool->nkinds] = kind;
  return spool->nkinds++;
}

int marked_level(const PendoSpool* spool) { return spool->nmarks ? spool->marks[spool->nmarks - 1].level : 1; }

void push_mark(PendoSpool* spool, int level) {
  if (spool->nmarks == spool->marks_room) {
    int room = spool->marks_room ? spool->marks_room * 2 : 8;
    Size size = sizeof(Mark) * static_cast<Size>(room);
    spool->marks = static_cast<Mark*>(spool->marks ? repalloc(spool->marks, size) : MemoryContextAlloc(spool->context, size));
    spool->marks_room = room;
  }
  Mark* mark = &spool->marks[spool->nmarks++];
  mark->level = level;
  mark->end = spool->file.end;
  memcpy(mark->counts, spool->counts, sizeof(mark->counts));
}

void go_back(PendoSpool* spool, const Mark* mark) {
  spool_file_truncate(&spool->file, mark->end);
  memcpy(spool->counts, mark->counts, sizeof(spool->counts));
  for (PendoSpoolReader* reader = spool->readers; reader; reader = reader->next) {
    if (reader->position > mark->end) reader->rolled_back = true;
    reader->window_size = 0;
  }
}

void drop_aborted(PendoSpool* spool, int level) {
  while (spool->nmarks && spool->marks[spool->nmarks - 1].level >= level) {
    go_back(spool, &spool->marks[--spool->nmarks]);
  }
}

// What the subtransaction wrote is its parent's from now on.
void hand_to_parent(PendoSpool* spool, int level) {
  if (spool->nmarks == 0 || spool->marks[spool->nmarks - 1].level < level) return;
  int below = spool->nmarks > 1 ? spool->marks[spool->nmarks - 2].level : 1;
  if (below == level - 1) {
    --spool->nmarks;
  } else {
    spool->marks[spool->nmarks - 1].level = level - 1;
  }
}

// Readers. Their memory and the spool's go in either order, so each side tells
// the other when it goes.

void let_readers_go(void* arg) {
  auto* spool = static_cast<PendoSpool*>(arg);
  for (PendoSpoolReader* reader = spool->readers; reader; reader = reader->next) reader->spool = nullptr;
  spool->readers = nullptr;
}

void leave_spool(void* arg) {
  auto* reader = static_cast<PendoSpoolReader*>(arg);
  if (!reader->spool) return;
  PendoSpoolReader** link = &reader->spool->readers;
  while (*link != reader) link = &(*link)->next;
  *link = reader->next;
}

void call_at_end(MemoryContext context, MemoryContextCallbackFunction function, void* arg) {
  auto* callback = static_cast<MemoryContextCallback*>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
  callback->func = function;
  callback->arg = arg;
  MemoryContextRegisterResetCallback(context, callback);
}

void refuse_if_gone(const PendoSpoolReader* reader) {
  if (reader->spool && !reader->rolled_back) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("pendo_fdw: records that were being read have been rolled back")));
}

void set_window_room(PendoSpoolReader* reader, Size room) {
  if (room == reader->window_room) return;
  reader->window = static_cast<char*>(repalloc_huge(reader->window, room));
  reader->window_room = room;
}

// Lets the window hold `size` bytes from the reader's position on; the caller
// knows that the spool has them.
const char* look_at(PendoSpoolReader* reader, Size size) {
  int64 offset = reader->position - reader->window_start;
  bool begins_inside = offset >= 0 && static_cast<Size>(offset) <= reader->window_size;
  if (begins_inside && static_cast<Size>(offset) + size <= reader->window_size) return reader->window + offset;
  Size kept = begins_inside ? reader->window_size - static_cast<Size>(offset) : 0;
  if (kept) memmove(reader->window, reader->window + offset, kept);
  reader->window_start = reader->position;
  reader->window_size = kept;
  // one large entry does not make the window large for good
  if (kept <= kWindow || size > reader->window_room) set_window_room(reader, Max(size, kWindow));
  int64 left = reader->spool->file.end - reader->position;
  Size wanted = Min(reader->window_room, static_cast<Size>(left));
  spool_file_read(&reader->spool->file, reader->position + static_cast<int64>(kept), reader->window + kept, wanted - kept);
  reader->window_size = wanted;
  return reader->window;
}

}  // namespace

static PendoSpool* new_spool(MemoryContext parent, ResourceOwner owner, bool transactional) {
  MemoryContext context = AllocSetContextCreate(parent, "pendo_fdw spool", ALLOCSET_SMALL_SIZES);
  auto* spool = static_cast<PendoSpool*>(MemoryContextAllocZero(context, sizeof(PendoSpool)));
  spool->context = context;
  spool->transactional = transactional;
  call_at_end(context, let_readers_go, spool);
  spool_file_init(&spool->file, context, owner);
  return spool;
}

PendoSpool* pendo_spool_new(bool transactional) {
  return new_spool(TopTransactionContext, TopTransactionResourceOwner, transactional);
}

PendoSpool* pendo_spool_of_statement() { return new_spool(CurrentMemoryContext, CurrentResourceOwner, false); }

void pendo_spool_end(PendoSpool* spool) {
  spool_file_close(&spool->file);
  MemoryContextDelete(spool->context);
}

void pendo_spool_put(PendoSpool* spool, uint8 kind, std::string_view id, std::string_view payload) {
  constexpr Size kLimit = MaxAllocSize / 2;
  if (id.size() > kLimit || payload.size() > kLimit) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("pendo_fdw: a record of %zu bytes is too large", id.size() + payload.size())));
  }
  int level = GetCurrentTransactionNestLevel();
  if (spool->transactional && level > marked_level(spool)) push_mark(spool, level);
  int slot = kind_slot_made(spool, kind);
  EntryHead head = {static_cast<uint32>(id.size()), static_cast<uint32>(payload.size()), kind};
  spool_file_begin(&spool->file);
  spool_file_append(&spool->file, &head, sizeof(head));
  spool_file_append(&spool->file, id.data(), id.size());
  spool_file_append(&spool->file, payload.data(), payload.size());
  spool_file_commit(&spool->file);
  ++spool->counts[slot];
}

int64 pendo_spool_count(const PendoSpool* spool, uint8 kind) {
  int slot = kind_slot(spool, kind);
  return slot < 0 ? 0 : spool->counts[slot];
}

int64 pendo_spool_bytes(const PendoSpool* spool) { return spool->file.end; }

void pendo_spool_at_subxact(PendoSpool* spool, SubXactEvent event) {
  if (!spool->transactional) return;
  int level = GetCurrentTransactionNestLevel();
  if (event == SUBXACT_EVENT_ABORT_SUB) drop_aborted(spool, level);
  if (event == SUBXACT_EVENT_COMMIT_SUB) hand_to_parent(spool, level);
}

PendoSpoolReader* pendo_spool_read(PendoSpool* spool) {
  MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw spool reader", ALLOCSET_SMALL_SIZES);
  auto* reader = static_cast<PendoSpoolReader*>(MemoryContextAllocZero(context, sizeof(PendoSpoolReader)));
  reader->context = context;
  reader->window = static_cast<char*>(MemoryContextAlloc(context, kWindow));
  reader->window_room = kWindow;
  call_at_end(context, leave_spool, reader);
  reader->spool = spool;
  reader->next = spool->readers;
  spool->readers = reader;
  return reader;
}

bool pendo_spool_next(PendoSpoolReader* reader, uint8* kind, std::string_view* id, std::string_view* payload) {
  CHECK_FOR_INTERRUPTS();
  refuse_if_gone(reader);
  if (reader->position == reader->spool->file.end) return false;
  EntryHead head;
  memcpy(&head, look_at(reader, sizeof(head)), sizeof(head));
  Size size = sizeof(head) + head.id_size + head.payload_size;
  const char* entry = look_at(reader, size) + sizeof(head);
  *kind = static_cast<uint8>(head.kind);
  *id = {entry, head.id_size};
  *payload = {entry + head.id_size, head.payload_size};
  reader->position += static_cast<int64>(size);
  return true;
}

int64 pendo_spool_position(const PendoSpoolReader* reader) { return reader->position; }

void pendo_spool_go(PendoSpoolReader* reader, int64 position) {
  refuse_if_gone(reader);
  reader->position = position;
}

void pendo_spool_read_end(PendoSpoolReader* reader) { MemoryContextDelete(reader->context); }
