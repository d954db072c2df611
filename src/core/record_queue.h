// Records that have come and wait for their reader, as text, first come first.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

class RecordQueue {
 public:
  // For records of so many bytes together: without it a text that grows leaves
  // holes in memory. May throw std::bad_alloc.
  void reserve(std::size_t bytes) { text_.reserve(bytes); }

  // May throw std::bad_alloc; the queue is then as it was.
  void push(std::string_view record);

  bool empty() const noexcept { return next_ == lengths_.size(); }
  std::size_t size() const noexcept { return lengths_.size() - next_; }

  // The first, which leaves the queue; good until push() or clear(). Not of an
  // empty queue, as last().
  std::string_view take() noexcept;
  std::string_view last() const noexcept;

  // Empties it and gives its memory back.
  void clear() noexcept;

  // What it holds in memory, apart from a constant.
  std::size_t memory() const noexcept { return text_.capacity() + lengths_.capacity() * sizeof(std::size_t); }

 private:
  std::string text_;  // one after the other
  std::vector<std::size_t> lengths_;
  std::size_t next_ = 0;   // the first in the queue
  std::size_t begin_ = 0;  // of its text
};

}  // namespace pendo
