// Compresses a body piece by piece.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

namespace simulator {

class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  // Appends what can be said about the bytes so far; all of it if they are the last.
  void compress(std::string_view bytes, bool last, std::string& out);

 private:
  z_stream stream_{};
};

}  // namespace simulator
