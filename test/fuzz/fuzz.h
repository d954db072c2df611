// What the fuzz targets share. A target is a function that takes any bytes; it
// ends the program where something that the code under it promises does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace pendo::fuzz {

void require(bool holds, const char* promise);

// A copy on the heap without a byte to spare, for whoever reads past it.
class HeapCopy {
 public:
  explicit HeapCopy(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// Draws from the input; 0 and nothing where it has ended.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  unsigned byte() {
    if (rest_.empty()) return 0;
    auto first = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }

  // The letters and digits are the small numbers, so that corpora can be read.
  unsigned below(unsigned count) {
    unsigned drawn = byte();
    return (drawn >= 'a' && drawn <= 'z' ? drawn - 'a' : drawn >= '0' && drawn <= '9' ? drawn - '0' : drawn) % count;
  }

  // Up to the next line break.
  std::string_view line() {
    std::size_t end = rest_.find('\n');
    std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return found;
  }

  // Decimal, else the first eight bytes.
  std::int64_t integer(std::string_view text);

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Reads every byte of it.
void touch(std::string_view text);

bool is_valid_utf8(std::string_view text);  // as the simulator sees it

}  // namespace pendo::fuzz
