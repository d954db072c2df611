// The record splitter: whatever the pieces, the same records, all of them within
// the body; and the records that a reader of the whole document sees.
#include <algorithm>
#include <vector>

#include "fuzz.h"
#include "json_parse.h"
#include "record_splitter.h"

namespace pendo::fuzz {
namespace {

struct Outcome {
  std::vector<std::string> records;
  Split end = Split::kNeedMore;
  std::string reason;
  bool broke_off = false;
  bool operator==(const Outcome&) const = default;
};

void drain(RecordSplitter& splitter, Outcome& outcome, bool releases) {
  std::string_view record;
  while ((outcome.end = splitter.next(record)) == Split::kRecord) {
    require(record.size() <= kMaxRecordBytes, "no record is longer than the limit");
    require(record.size() >= 2 && record.front() == '{' && record.back() == '}', "a record is an object");
    outcome.records.emplace_back(record);
    if (releases) splitter.release();
  }
}

Outcome split(RecordSplitter& splitter, std::string_view body, std::size_t piece, bool releases) {
  Outcome outcome;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    HeapCopy bytes(body.substr(at, piece));
    splitter.feed(bytes.view().data(), bytes.view().size());
    drain(splitter, outcome, releases);
  }
  Split end = splitter.finish();
  if (end == Split::kNeedMore) drain(splitter, outcome, releases);
  if (outcome.end != Split::kFailed) outcome.end = splitter.finish();
  require(outcome.end == Split::kEnd || outcome.end == Split::kFailed, "a body ends one way or the other");
  require((outcome.end == Split::kFailed) == !splitter.reason().empty(), "a failure has a reason");
  outcome.reason = splitter.reason();
  outcome.broke_off = splitter.broke_off();
  return outcome;
}

// Each ~ is much text. Only where the input asks for it, since it takes time.
std::string blown_up(std::string_view body) {
  constexpr std::size_t kMuch = 300 << 10;
  constexpr std::size_t kMost = 5;
  std::string out;
  std::size_t count = 0;
  for (char c : body) {
    bool more = c == '~' && count++ < kMost;
    out.append(more ? kMuch : 1, c == '~' ? ' ' : c);
  }
  return out;
}

void compare_with_document(std::string_view body, const Outcome& outcome) {
  simulator::Value document;
  std::string error;
  if (outcome.end != Split::kEnd || !simulator::parse_json(body, document, error)) return;
  const simulator::Value* results = document.find("results");
  std::size_t count = results && results->is_list() ? results->list().size() : 0;
  require(outcome.records.size() == count, "as many records as the document has");
  for (std::size_t i = 0; i < count; ++i) {
    simulator::Value record;
    require(simulator::parse_json(outcome.records[i], record, error), "a record of a good document is good");
    require(record == results->list()[i], "the record of that place");
  }
}

}  // namespace

void splitter(std::string_view input) {
  Input choices(input);
  unsigned how = choices.byte();
  std::string body = how == '~' ? blown_up(choices.rest()) : std::string(choices.rest());
  bool large = body.size() > (64 << 10);
  std::size_t piece = how % 70 + 1;

  RecordSplitter splitter;
  Outcome whole = split(splitter, body, std::max<std::size_t>(body.size(), 1), false);
  std::string preview = splitter.preview();
  require(preview.size() <= 4 * 512, "a preview is short");
  require(std::none_of(preview.begin(), preview.end(), [](unsigned char c) { return c < 0x20; }), "a preview is one line");
  if (!large) compare_with_document(body, whole);

  splitter.reset();
  Outcome again = split(splitter, body, large ? 16 << 10 : piece, true);
  // of what is too long, what is wrong later may be seen first
  if (large) again.reason = whole.reason, again.broke_off = whole.broke_off;
  require(again == whole, "pieces make no difference");
}

}  // namespace pendo::fuzz
