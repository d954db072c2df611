// Decompression: in whatever pieces and with whatever room, the same bytes.
#include "gunzip.h"

#include <algorithm>

#include "fuzz.h"

namespace pendo::fuzz {
namespace {

constexpr std::size_t kMost = 1 << 20;  // of what comes out

struct Inflated {
  std::string bytes;
  Gunzip::Result end = Gunzip::Result::kNeedsInput;
};

Inflated inflate(Gunzip& gunzip, std::string_view input, std::size_t piece, std::size_t room) {
  Inflated result;
  require(gunzip.start() && gunzip.active(), "it starts");
  for (std::size_t at = 0; at < input.size() && result.bytes.size() < kMost; at += piece) {
    HeapCopy bytes(input.substr(at, piece));
    const char* data = bytes.view().data();
    std::size_t size = bytes.view().size();
    do {
      std::unique_ptr<char[]> out(new char[room]);
      std::size_t produced = 0;
      result.end = gunzip.run(data, size, out.get(), room, produced);
      require(produced <= room, "no more comes than there is room for");
      result.bytes.append(out.get(), produced);
      if (result.end != Gunzip::Result::kFull && result.end != Gunzip::Result::kNeedsInput) return result;
    } while (result.bytes.size() < kMost && (result.end == Gunzip::Result::kFull || size > 0));
  }
  return result;
}

}  // namespace

void gunzip(std::string_view input) {
  Input choices(input);
  std::size_t piece = choices.byte() + 1;
  std::size_t room = choices.byte() + 1;
  Gunzip gunzip;
  require(!gunzip.active(), "it waits to be started");
  Inflated whole = inflate(gunzip, choices.rest(), std::max<std::size_t>(choices.rest().size(), 1), 16 << 10);
  if (whole.bytes.size() >= kMost) return;
  Inflated again = inflate(gunzip, choices.rest(), piece, room);
  require(again.bytes == whole.bytes && again.end == whole.end, "pieces make no difference");
  gunzip.stop();
  require(!gunzip.active(), "it can be stopped");
}

}  // namespace pendo::fuzz
