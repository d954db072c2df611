// One text and the lengths of its parts: few allocations for many records.
#include "record_queue.h"

namespace pendo {

void RecordQueue::push(std::string_view record) {
  lengths_.push_back(record.size());
  try {
    text_.append(record);
  } catch (...) {
    lengths_.pop_back();
    throw;
  }
}

std::string_view RecordQueue::take() noexcept {
  std::string_view record(text_.data() + begin_, lengths_[next_]);
  begin_ += lengths_[next_++];
  return record;
}

std::string_view RecordQueue::last() const noexcept {
  std::size_t length = lengths_.back();
  return {text_.data() + text_.size() - length, length};
}

void RecordQueue::clear() noexcept {
  std::string().swap(text_);
  std::vector<std::size_t>().swap(lengths_);
  next_ = begin_ = 0;
}

}  // namespace pendo
