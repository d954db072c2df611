// The file: one JSON object per line, by write(), which outlives the process.
#include "journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "json_parse.h"
#include "json_write.h"

namespace simulator {
namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

// The length of the whole lines.
std::size_t apply_lines(const std::string& path, const std::string& text, const std::function<void(const Value&)>& apply) {
  std::size_t begin = 0;
  for (std::size_t number = 1;; ++number) {
    auto end = text.find('\n', begin);
    if (end == std::string::npos) return begin;
    Value line;
    std::string error;
    if (!parse_json(std::string_view(text).substr(begin, end - begin), line, error)) {
      throw std::runtime_error(path + ": line " + std::to_string(number) + ": " + error);
    }
    apply(line);
    begin = end + 1;
  }
}

void end_without_journal() {
  std::perror("pendo-simulator: the journal");
  std::_Exit(1);
}

}  // namespace

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::open(const std::string& path, const std::function<void(const Value&)>& apply) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail(path);
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::size_t whole = apply_lines(path, text, apply);
  if (::ftruncate(fd, static_cast<off_t>(whole)) != 0) fail(path);
  fd_ = fd;
}

void Journal::append(const Value& line) {
  if (fd_ < 0) return;
  std::string text = to_json(line, {.html_escape = false}) + "\n";
  std::lock_guard lock(mutex_);
  for (std::size_t done = 0; done < text.size();) {
    ssize_t written = ::write(fd_, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) end_without_journal();
    if (written > 0) done += static_cast<std::size_t>(written);
  }
}

void Journal::clear() {
  std::lock_guard lock(mutex_);
  if (fd_ >= 0 && ::ftruncate(fd_, 0) != 0) end_without_journal();
}

}  // namespace simulator
