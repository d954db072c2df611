// The fastest level: the simulator must not be the slow end.
#include "gzip_stream.h"

namespace simulator {

GzipStream::GzipStream() { deflateInit2(&stream_, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); }

GzipStream::~GzipStream() { deflateEnd(&stream_); }

void GzipStream::compress(std::string_view bytes, bool last, std::string& out) {
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<uInt>(bytes.size());
  char piece[16 * 1024];
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(piece);
    stream_.avail_out = sizeof piece;
    deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
    out.append(piece, sizeof piece - stream_.avail_out);
  } while (stream_.avail_out == 0);
}

}  // namespace simulator
