// A RapidJSON handler that follows the columns' paths and ignores the rest.
// The record is copied and parsed in place, so that strings need no other home;
// lists and objects are slices of the record as it came.
#include "row_decoder.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "convert.h"
#include "json_reader.h"
#include "record_splitter.h"
#include "record_text.h"

namespace pendo {
namespace {

constexpr unsigned kRecordFlags = rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag |
                                  rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag |
                                  rapidjson::kParseNumbersAsStringsFlag;

// RapidJSON's UTF-8 validation reads and writes up to three bytes past a
// sequence that the end of the text cuts.
constexpr std::size_t kPadding = 4;

// What a record that is no longer there may leave allocated.
constexpr std::size_t kKeptBytes = 256 << 10;

// A stream over a text that is overwritten by its own decoded strings. Tells
// where the string that was last decoded ended in the text.
class RecordStream {
 public:
  using Ch = char;

  RecordStream(char* text, char** string_end) : source_(text), begin_(text), string_end_(string_end) {}

  char Peek() const { return *source_; }
  char Take() { return *source_++; }
  std::size_t Tell() const { return static_cast<std::size_t>(source_ - begin_); }
  void Put(char c) { *target_++ = c; }
  void Flush() {}
  char* PutBegin() { return target_ = source_; }
  std::size_t PutEnd(char* begin) {
    *string_end_ = source_;
    return static_cast<std::size_t>(target_ - begin);
  }

 private:
  char* source_;
  char* target_ = nullptr;
  char* begin_;
  char** string_end_;
};

}  // namespace
}  // namespace pendo

// The parser then works on a copy in registers.
template <>
struct rapidjson::StreamTraits<pendo::RecordStream> {
  enum { copyOptimization = 1 };
};

namespace pendo {

// The columns' paths as a tree. A node's cell is valid in the record whose
// number it bears.
class RowDecoder::Plan {
 public:
  static constexpr std::int32_t kNone = -1;
  static constexpr std::int32_t kRoot = 0;

  explicit Plan(const std::vector<DecodeColumn>& columns) : nodes_(1) {
    for (const auto& column : columns) {
      std::int32_t node = kRoot;
      for (const auto& key : column.keys) node = child_made(node, key);
      nodes_[index(node)].wanted = true;
      columns_.push_back({node, column.type});
    }
    for (auto& node : nodes_) node.sort();
  }

  void begin_record() { ++record_; }

  // The child that a key leads to. Rows mostly have the same keys in the same
  // order, so the one after the last one found is tried first.
  std::int32_t child(std::int32_t parent, std::string_view key) {
    Node& node = nodes_[index(parent)];
    if (!(node.lengths & length_bit(key))) return kNone;
    if (node.next < node.children.size() && node.children[node.next].key == key) {
      return node.children[node.next++].node;
    }
    return node.search(key);
  }

  bool wanted(std::int32_t node) const { return nodes_[index(node)].wanted; }

  // The value at `node` begins. One that came before is forgotten, with all
  // that was in it.
  void begin_value(std::int32_t at) {
    Node& node = nodes_[index(at)];
    if (node.record == record_) forget(node);
    node.record = record_;
    node.next = 0;
  }

  void set(std::int32_t node, const Cell& cell) { nodes_[index(node)].cell = cell; }

  void fill(Value* out) const {
    for (const auto& column : columns_) {
      const Node& node = nodes_[index(column.node)];
      *out++ = node.record == record_ ? convert(node.cell, column.type) : Value::null();
    }
  }

 private:
  struct Child {
    std::string key;
    std::int32_t node;
  };

  struct Node {
    std::vector<Child> children;
    std::uint64_t lengths = 0;  // bit n: a child's key has n bytes (63: or more)
    std::size_t next = 0;
    std::uint64_t record = 0;
    bool wanted = false;
    Cell cell;

    void sort() {
      std::sort(children.begin(), children.end(), [](const Child& a, const Child& b) { return a.key < b.key; });
    }

    std::int32_t search(std::string_view key) {
      auto less = [](const Child& child, std::string_view k) { return child.key < k; };
      auto found = std::lower_bound(children.begin(), children.end(), key, less);
      if (found == children.end() || found->key != key) return kNone;
      next = static_cast<std::size_t>(found - children.begin()) + 1;
      return found->node;
    }
  };

  struct Column {
    std::int32_t node;
    ColumnType type;
  };

  static std::size_t index(std::int32_t node) { return static_cast<std::size_t>(node); }
  static std::uint64_t length_bit(std::string_view key) { return 1ull << std::min<std::size_t>(key.size(), 63); }

  std::int32_t child_made(std::int32_t parent, const std::string& key) {
    for (const auto& child : nodes_[index(parent)].children) {
      if (child.key == key) return child.node;
    }
    auto made = static_cast<std::int32_t>(nodes_.size());
    nodes_.emplace_back();
    nodes_[index(parent)].children.push_back({key, made});
    nodes_[index(parent)].lengths |= length_bit(key);
    return made;
  }

  void forget(Node& node) {
    node.record = 0;
    for (const auto& child : node.children) forget(nodes_[index(child.node)]);
  }

  std::vector<Node> nodes_;
  std::vector<Column> columns_;
  std::uint64_t record_ = 0;
};

// Follows the events of one record.
class RowDecoder::Handler {
 public:
  // A list or object on the way of a column, or wanted itself.
  struct Open {
    std::int32_t node;
    int depth;
    std::size_t begin;
  };

  // `text` is what the parser overwrites, `record` the same text as it came;
  // `open` is a stack to work with.
  Handler(Plan& plan, std::vector<Open>& open, std::string_view record, char* text, bool numbers_hidden)
      : plan_(plan),
        open_(open),
        record_(record),
        text_(text),
        stream_(text, &string_end_),
        numbers_hidden_(numbers_hidden) {
    plan_.begin_record();
    open_.clear();
  }

  RecordStream& stream() { return stream_; }
  bool too_deep() const { return depth_ > kMaxNesting; }

  bool Null() { return scalar(CellKind::kNull, {}); }
  bool Bool(bool value) { return scalar(CellKind::kBool, value ? "true" : "false"); }

  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    if (pending_ == Plan::kNone) return true;
    // of the record, which outlives its decoded copy
    if (!numbers_hidden_) return scalar(CellKind::kNumber, record_.substr(offset(text), length));
    std::string_view rest = record_.substr(offset(text));
    return scalar(CellKind::kNumber, rest.substr(0, number_length(rest)));
  }

  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (pending_ == Plan::kNone) return true;
    std::size_t begin = offset(text) - 1;
    return take({CellKind::kString, {text, length}, record_.substr(begin, offset(string_end_) - begin)});
  }

  // Keys of other objects, such as those within a list, are deeper.
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == open_.back().depth + 1) pending_ = plan_.child(open_.back().node, {text, length});
    return true;
  }

  bool StartObject() { return start(); }
  bool StartArray() { return start(); }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool EndArray(rapidjson::SizeType) { return end(); }

  // Never called: numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - text_); }

  bool scalar(CellKind kind, std::string_view text) {
    return pending_ == Plan::kNone || take({kind, text, {}});
  }

  bool take(const Cell& cell) {
    plan_.begin_value(pending_);
    plan_.set(pending_, cell);
    pending_ = Plan::kNone;
    return true;
  }

  bool start() {
    if (pending_ != Plan::kNone) {
      plan_.begin_value(pending_);
      open_.push_back({pending_, depth_, stream_.Tell()});
      pending_ = Plan::kNone;
    }
    return ++depth_ <= kMaxNesting;
  }

  bool end() {
    --depth_;
    if (open_.empty() || open_.back().depth != depth_) return true;
    const Open& last = open_.back();
    if (plan_.wanted(last.node)) {
      std::size_t length = stream_.Tell() + 1 - last.begin;
      plan_.set(last.node, {CellKind::kJson, record_.substr(last.begin, length), {}});
    }
    open_.pop_back();
    return true;
  }

  Plan& plan_;
  std::vector<Open>& open_;
  std::string_view record_;
  char* text_;
  char* string_end_ = nullptr;
  RecordStream stream_;
  bool numbers_hidden_;
  int depth_ = 0;
  std::int32_t pending_ = Plan::kRoot;  // where the next value goes
};

struct RowDecoder::State {
  explicit State(const std::vector<DecodeColumn>& columns) : plan(columns) {}

  Plan plan;
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator> reader;
  std::vector<Handler::Open> open;
  std::vector<char> text;
};

namespace {

void copy_padded(std::string_view record, std::vector<char>& text) {
  bool keeps_too_much = text.capacity() > kKeptBytes && record.size() < text.capacity() / 4;
  if (keeps_too_much) std::vector<char>().swap(text);
  if (text.size() < record.size() + kPadding) text.resize(record.size() + kPadding);
  std::copy(record.begin(), record.end(), text.begin());
  std::fill_n(text.data() + record.size(), kPadding, '\0');
}

}  // namespace

RowDecoder::RowDecoder(const std::vector<DecodeColumn>& columns) : state_(std::make_unique<State>(columns)) {}

RowDecoder::~RowDecoder() = default;

bool RowDecoder::decode(std::string_view record, Value* out) noexcept try {
  if (!run(record)) return false;
  state_->plan.fill(out);
  return true;
} catch (const std::bad_alloc&) {
  reason_ = "out of memory";
  return false;
}

bool RowDecoder::run(std::string_view record) {
  reason_.clear();
  if (record.size() > kMaxRecordBytes) {
    reason_ = "a record is too long";
    return false;
  }
  if (!begins_object(record)) {
    reason_ = "a record is not an object";
    return false;
  }
  // each time with more of what RapidJSON refuses changed, never without an end
  Changes changes;
  while (!parse(record, changes)) {
    if (!reason_.empty()) return false;
  }
  return true;
}

// False without a reason: it may be good with these changes.
bool RowDecoder::parse(std::string_view record, Changes& changes) {
  std::vector<char>& text = state_->text;
  copy_padded(record, text);
  if (changes.numbers) hide_numbers(record, text.data());
  if (changes.halves) turn_lone_halves(record, text.data());
  Handler handler(state_->plan, state_->open, record, text.data(), changes.numbers);
  RecordStream& stream = handler.stream();
  bool good = !state_->reader.Parse<kRecordFlags>(stream, handler).IsError();
  // a \0 in the text looks like its end
  if (good && stream.Tell() == record.size()) return true;
  rapidjson::ParseErrorCode code = state_->reader.GetParseErrorCode();
  if (code == rapidjson::kParseErrorNumberTooBig && !std::exchange(changes.numbers, true)) return false;
  if (code == rapidjson::kParseErrorStringUnicodeSurrogateInvalid && !std::exchange(changes.halves, true)) return false;
  reason_ = std::string("a record ") + (handler.too_deep() ? "is nested too deep" : problem_of(code, "is not valid JSON"));
  return false;
}

void RowDecoder::release() noexcept {
  constexpr std::size_t kLargeBytes = 256 << 10;
  if (state_->text.capacity() > kLargeBytes) std::vector<char>().swap(state_->text);
}

}  // namespace pendo
