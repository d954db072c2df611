#include "gunzip.h"

namespace pendo {

Gunzip::~Gunzip() {
  if (made_) inflateEnd(&stream_);
}

bool Gunzip::start() noexcept {
  constexpr int kGzipOnly = MAX_WBITS + 16;
  int code = made_ ? inflateReset(&stream_) : inflateInit2(&stream_, kGzipOnly);
  made_ = made_ || code == Z_OK;
  active_ = code == Z_OK;
  ended_ = fed_ = false;
  return active_;
}

Gunzip::Result Gunzip::run(const char*& data, std::size_t& size, char* out, std::size_t room, std::size_t& produced) noexcept {
  produced = 0;
  fed_ = fed_ || size > 0;
  if (ended_) {
    data += size;
    size = 0;
    return Result::kNeedsInput;
  }
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data));
  stream_.avail_in = static_cast<uInt>(size);
  stream_.next_out = reinterpret_cast<Bytef*>(out);
  stream_.avail_out = static_cast<uInt>(room);
  int code = inflate(&stream_, Z_NO_FLUSH);
  data += size - stream_.avail_in;
  size = stream_.avail_in;
  produced = room - stream_.avail_out;
  if (code == Z_MEM_ERROR) return Result::kOutOfMemory;
  ended_ = code == Z_STREAM_END;
  // Z_BUF_ERROR: nothing more comes out of what is there
  if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return Result::kBroken;
  return !ended_ && stream_.avail_out == 0 ? Result::kFull : Result::kNeedsInput;
}

}  // namespace pendo
