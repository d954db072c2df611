// The states of a scan. A page that breaks off is asked again from the last
// key seen, so that no row comes twice and none is left out.
#include "scan.h"

#include <algorithm>
#include <new>
#include <utility>

#include "answer_limit.h"
#include "app_choice.h"
#include "json_write.h"
#include "pipeline.h"
#include "printable.h"
#include "record_id.h"

namespace pendo {
namespace {

// More undecoded bytes than a record may have mean an answer that swells
// faster than it is read (a gzip bomb).
constexpr std::size_t kMaxUndecodedBytes = 4 * kMaxRecordBytes;

// Received in one go before it is decoded.
constexpr std::size_t kEnoughBytes = 64 << 10;

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> keys;
  for (;;) {
    auto dot = path.find('.');
    keys.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return keys;
    path.remove_prefix(dot + 1);
  }
}

std::vector<std::string_view> views_of(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

}  // namespace

std::unique_ptr<Scan> Scan::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                   const std::vector<ScanColumn>& columns, const CallOptions& options,
                                   const SortOrder& order, Failure& failure) noexcept try {
  std::unique_ptr<Scan> scan(new Scan(std::move(client), object, options, order));
  bool good = scan->ready() && scan->need_integration_key() && scan->call_.valid();
  if (good) scan->plan_columns(columns);
  if (good && scan->check_paths()) return scan;
  failure = scan->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

Scan::Scan(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options, const SortOrder& order)
    : RowSource(std::move(client)),
      object_(object),
      app_id_(options.app_id),
      options_(options),
      position_(object.key_field, order),
      call_(config(), options_) {
  options_.app_id = app_id_;
}

void Scan::plan_columns(const std::vector<ScanColumn>& columns) {
  std::vector<DecodeColumn> aliased;
  std::vector<DecodeColumn> whole;
  auto add = [&](std::string_view path, ColumnType type, std::vector<std::string> whole_path) {
    aliased.push_back({{column_alias(paths_.size())}, type});
    whole.push_back({std::move(whole_path), type});
    paths_.emplace_back(path);
  };
  for (const auto& column : columns) {
    // Pendo: a record asked for by id has its key as "id"
    bool is_key = column.path == object_.key_field;
    add(column.path, column.type, is_key ? std::vector<std::string>{"id"} : split_path(column.path));
  }
  column_count_ = columns.size();
  key_at_ = key_column(columns);
  if (has_key() && key_at_ == column_count_) add(object_.key_field, ColumnType::kText, {"id"});
  rank_at_ = paths_.size();
  if (!position_.sorted_by_key()) {
    add(kSortRank, ColumnType::kNumber, {std::string(kSortRank)});
    add(kSortValue, ColumnType::kNumber, {std::string(kSortValue)});
  }
  values_.resize(paths_.size());
  row_decoder_ = std::make_unique<RowDecoder>(aliased);
  record_decoder_ = std::make_unique<RowDecoder>(whole);
}

// A column that is the key already; else the one after the last.
std::size_t Scan::key_column(const std::vector<ScanColumn>& columns) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].path == object_.key_field && columns[i].type == ColumnType::kText) return i;
  }
  return columns.size();
}

bool Scan::check_paths() {
  for (const auto& path : paths_) {
    if (is_plain_path(path)) continue;
    fail(sqlstate::kUndefinedColumn, "path \"" + printable(path, 100) + "\" cannot be asked for in Pendo", {},
         "Names in a path have letters, digits and underscores.");
    return false;
  }
  return true;
}

// Decoding comes first: what it has is at least a part of a record.
bool Scan::has_enough() const noexcept { return received_ > kEnoughBytes; }

bool Scan::on_body(const char* data, std::size_t size) noexcept {
  undecoded_ += size;
  received_ += size;
  counts_.bytes += static_cast<long long>(size);
  if (undecoded_ > kMaxUndecodedBytes) return false;
  splitter_.feed(data, size);
  return true;
}

bool Scan::is_hidden(std::string_view key) const {
  return key.empty() || (object_.may_be_anonymous && !options_.include_anonymous && is_anonymous(key));
}

std::string Scan::page_body(std::string position) const {
  auto paths = views_of(paths_);
  return records_pipeline({.object = &object_, .paths = paths, .include_anonymous = options_.include_anonymous,
                           .app_id = options_.app_id, .filter = range_.filter, .position = position, .order = position_.order(), .limit = page_limit_});
}

std::string Scan::keys_body() const {
  auto paths = views_of(paths_);
  return records_pipeline({.object = &object_, .paths = paths, .include_anonymous = options_.include_anonymous,
                           .app_id = options_.app_id, .filter = {}, .position = one_of_keys(object_.key_field, wanted_.missing()), .order = {}, .limit = 0});
}

Request Scan::aggregation(std::string body) const {
  return {.kind = CallKind::kRead, .post = true, .to_track_host = false, .connect_only = false,
          .path = std::string(kAggregationPath), .body = std::move(body)};
}

bool Scan::send(Request&& request, bool streamed) {
  ready_.clear();
  ahead_ = false;
  rows_in_page_ = rows_in_attempt_ = 0;
  return send_while_reading(std::move(request), streamed);
}

// What is ready stays, and counts for its own page.
bool Scan::send_while_reading(Request&& request, bool streamed) {
  splitter_.reset();
  undecoded_ = 0;
  ++counts_.requests;
  if (call_.start(*reactor_, std::move(request), streamed ? this : nullptr)) return true;
  out_of_memory();
  return false;
}

bool Scan::start_all(ScanRange range) noexcept try {
  mode_ = Mode::kPages;
  wanted_.clear();
  range_ = std::move(range);
  page_limit_ = options_.page_size;
  if (range_.first_rows > 0 && range_.first_rows < page_limit_) page_limit_ = static_cast<int>(range_.first_rows);
  position_.clear();
  page_starts_.clear();
  page_keys_.clear();
  rows_ = 0;
  return send(aggregation(page_body(position_.behind())), true);
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

bool Scan::start_lookup(std::string_view key) noexcept try {
  return start_keys({std::string(key)});
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

bool Scan::start_keys(std::vector<std::string> keys) noexcept try {
  call_.cancel();
  mode_ = Mode::kIdle;
  std::erase_if(keys, [this](const std::string& key) { return is_hidden(key); });
  wanted_.set(std::move(keys));
  return wanted_.all_asked() || ask_for_more();
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

// Goes on with the keys that were not asked for yet. A record by itself comes
// whatever its apps.
bool Scan::ask_for_more() {
  bool alone = wanted_.next_is_alone() && is_default_app(app_id_);
  return alone && fits_in_path(wanted_.next()) ? start_record() : ask_for_keys();
}

bool Scan::start_record() {
  mode_ = Mode::kRecord;
  position_.move_to({.key = wanted_.take(), .rank = {}, .value = {}});
  std::string path(object_.record_path);
  append_percent_encoded(path, position_.key());
  return send({.kind = CallKind::kRead, .post = false, .to_track_host = false, .connect_only = false, .path = std::move(path), .body = {}},
              false);
}

// The next of the keys, as many as one call takes.
bool Scan::ask_for_keys() {
  mode_ = Mode::kKeys;
  wanted_.take_many();
  return send(aggregation(keys_body()), true);
}

bool Scan::start_rows(std::string body) noexcept try {
  mode_ = Mode::kRows;
  wanted_.clear();
  rows_body_ = std::move(body);
  return send(aggregation(rows_body_), true);
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

Status Scan::next(Value* out) noexcept try {
  for (;;) {
    if (mode_ == Mode::kIdle) {
      if (wanted_.all_asked()) return answered(Status::kDone);
      if (!ask_for_more()) return Status::kFailed;
    }
    Status status = mode_ == Mode::kRecord ? next_record(out) : next_streamed(out);
    if (status != Status::kDone) return answered(status);
  }
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status Scan::next_streamed(Value* out) {
  if (!read_ahead()) return Status::kFailed;
  for (;;) {
    std::string_view record;
    Split split = next_record_text(record);
    if (split == Split::kFailed) return nonsense(splitter_.reason());
    if (split == Split::kRecord) {
      Status status = take_record(record, out);
      if (status != Status::kDone) return status;
      continue;
    }
    if (call_.done()) {
      counts_.wire_bytes += call_.take_wire_bytes();
      Status status = stream_ended();
      if (status != Status::kRow) return status;
      continue;
    }
    std::size_t before = undecoded_;
    take_in();
    if (undecoded_ == before && !call_.done()) return Status::kWouldBlock;
  }
}

// First what is left of a page whose body has come, then what the call at hand
// brings.
Split Scan::next_record_text(std::string_view& record) {
  if (!ready_.empty()) {
    record = ready_.take();
    return Split::kRecord;
  }
  if (std::exchange(ahead_, false)) {
    ready_.clear();
    page_keys_.end_page();
    rows_in_page_ = rows_in_attempt_ = 0;
  }
  return splitter_.next(record);
}

RowPlace Scan::place_of_row() const {
  std::string_view key = values_[key_at_].text;
  if (position_.sorted_by_key()) return {.key = key, .rank = {}, .value = {}};
  return {.key = key, .rank = values_[rank_at_].text, .value = values_[rank_at_ + 1].text};
}

bool Scan::is_complete(const RowPlace& place) const {
  return position_.sorted_by_key() || (!place.rank.empty() && !place.value.empty());
}

void Scan::row_taken() noexcept {
  if (mode_ != Mode::kRecord && mode_ != Mode::kIdle) splitter_.release();
}

// kDone: the row is passed over.
Status Scan::take_record(std::string_view record, Value* out) {
  undecoded_ = 0;
  if (!row_decoder_->decode(record, values_.data())) return nonsense(row_decoder_->reason());
  Verdict verdict = has_key() ? check_key(values_[key_at_]) : Verdict::kTake;
  if (verdict == Verdict::kNonsense) return nonsense(nonsense_);
  if (rows_in_attempt_++ == 0 && has_key()) call_.progressed();
  if (verdict == Verdict::kPassOver) return Status::kDone;
  ++rows_in_page_;
  ++rows_;
  ++counts_.rows;
  std::copy(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(column_count_), out);
  return Status::kRow;
}

Scan::Verdict Scan::wrong(std::string what) {
  nonsense_ = std::move(what);
  return Verdict::kNonsense;
}

Scan::Verdict Scan::twice(std::string_view key) { return wrong("it lists \"" + printable(key, 100) + "\" twice"); }

Scan::Verdict Scan::check_key(const Value& key) {
  if (key.kind != ValueKind::kText || key.text.empty()) return wrong("a row has no usable key");
  return mode_ == Mode::kKeys ? check_wanted_key(key.text) : check_page_key(key.text);
}

// Where Pendo takes letters for equal whatever their case, rows of other keys
// come too.
Scan::Verdict Scan::check_wanted_key(std::string_view key) {
  switch (wanted_.came(key)) {
    case WantedKeys::Came::kUnasked:
      return Verdict::kPassOver;
    case WantedKeys::Came::kAgain:
      return twice(key);
    case WantedKeys::Came::kFirst:
      break;
  }
  position_.move_to(place_of_row());
  return Verdict::kTake;
}

Scan::Verdict Scan::check_page_key(std::string_view key) {
  RowPlace place = place_of_row();
  if (!is_complete(place)) return wrong("a row has no number to sort by");
  const std::string& last = position_.key();
  bool again = key == last || (rows_in_attempt_ == 0 && !starts_a_page(key));
  if (again) return twice(key);
  if (range_.in_order && !last.empty() && !position_.is_before(place)) {
    return wrong("it is not sorted as it was asked to be (\"" + printable(key, 100) + "\" comes after \"" + printable(last, 100) + "\")");
  }
  position_.move_to(place);
  // in another order a row may move on while it is read
  bool stays = mode_ == Mode::kPages && position_.sorted_by_key();
  return stays && !page_keys_.add(key) ? twice(key) : Verdict::kTake;
}

// Pendo's order of ids is its own, so all that can be asked of a page is that
// it begins where none did before; otherwise reading could go round for ever.
bool Scan::starts_a_page(std::string_view key) {
  if (mode_ != Mode::kPages) return true;
  return page_starts_.emplace(key).second;
}

// The body has come to an end, well or badly. kRow: go on reading.
Status Scan::stream_ended() {
  if (!call_.succeeded()) return stream_broke();
  if (splitter_.finish() != Split::kEnd) {
    // a proxy may end a broken transfer as if it were whole
    return splitter_.broke_off() ? stream_broke() : nonsense(splitter_.reason());
  }
  return page_ended();
}

// A few rows at first, then more and more: whoever asks for more than expected
// is likely to want much more.
void Scan::grow_page() {
  constexpr int kGrowth = 8;
  bool near = page_limit_ > options_.page_size / kGrowth;
  page_limit_ = near ? options_.page_size : page_limit_ * kGrowth;
}

Status Scan::page_ended() {
  page_keys_.end_page();
  bool last = mode_ != Mode::kPages || rows_in_page_ < page_limit_;
  if (last) {
    mode_ = Mode::kIdle;
    return Status::kDone;
  }
  grow_page();
  return send(aggregation(page_body(position_.behind())), true) ? Status::kRow : Status::kFailed;
}

std::string Scan::body_to_resume() const {
  return mode_ == Mode::kRows ? rows_body_ : mode_ == Mode::kKeys ? keys_body() : page_body(position_.behind());
}

Status Scan::stream_broke() {
  if (undecoded_ > kMaxUndecodedBytes) {
    return fail(sqlstate::kProgramLimit, "Pendo sent more than 32 MB without a record to server \"" + config().server_name + "\"",
                "POST " + call_.request().path + " was ended.", "Check the server's region or api_url: Pendo's own answers are not like this.");
  }
  bool whole = call_.succeeded();
  Failure failure = call_.failure();
  Request again = aggregation(body_to_resume());
  bool can_resume = rows_in_attempt_ == 0 || (mode_ != Mode::kRows && !call_.spoilt());
  if (whole || !can_resume || !call_.retry_with(std::move(again))) {
    return whole ? nonsense("it breaks off") : fail(std::move(failure));
  }
  ++counts_.requests;
  ++counts_.retries;
  splitter_.reset();
  undecoded_ = 0;
  rows_in_page_ = rows_in_attempt_ = 0;
  return Status::kRow;
}

Status Scan::next_record(Value* out) {
  drive();
  if (!call_.done()) return Status::kWouldBlock;
  mode_ = Mode::kIdle;
  counts_.retries += call_.tries();
  counts_.requests += call_.tries();
  counts_.wire_bytes += call_.take_wire_bytes();
  if (call_.http_status() == 404) return confirm_absence();
  if (!call_.succeeded()) return fail(call_.failure());
  return record_answered(out);
}

Status Scan::record_answered(Value* out) {
  counts_.bytes += static_cast<long long>(call_.reply().size());
  if (call_.http_status() != 200) return nonsense("it has no record");
  if (!record_decoder_->decode(call_.reply(), values_.data())) return nonsense(record_decoder_->reason());
  const Value& key = values_[key_at_];
  if (key.kind != ValueKind::kText || key.text != position_.key()) {
    return nonsense("it is not the record that was asked for");
  }
  ++counts_.rows;
  std::copy(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(column_count_), out);
  return Status::kRow;
}

// Pendo: 404 "Error while getting visitor, no such entity found". Another 404
// may come from a wrong host or a proxy and must not pass for an absent record.
Status Scan::confirm_absence() {
  if (call_.reply().find("no such entity") != std::string::npos) return Status::kDone;
  wanted_.put_back();
  return ask_for_keys() ? Status::kWouldBlock : Status::kFailed;
}

Status Scan::nonsense(const std::string& reason) {
  int status = ahead_ ? 200 : call_.http_status();  // a page that came whole, and the call that is about the next
  std::string begin = mode_ == Mode::kIdle ? shown_reply(call_.reply(), 200) : shown_reply(ahead_ ? ready_page_ : splitter_.preview(), 200);
  Failure failure{sqlstate::kReplyHandle,
                  "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
                  (call_.request().post ? "POST " : "GET ") + printable(call_.request().path, 120) +
                      " answered " + std::to_string(status) + " with a body that begins: " + begin,
                  "No row of it was left out: the statement ends here. Try again later; if it happens each time, "
                  "check the server's region or api_url.", status};
  name_limit(failure, reason);
  return fail(std::move(failure));
}

std::string describe_scan(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns,
                          const CallOptions& options, const ScanRange& range, const SortOrder& order) {
  std::vector<std::string_view> paths;
  bool has_key = false;
  for (const auto& column : columns) {
    paths.push_back(column.path);
    has_key = has_key || column.path == object.key_field;
  }
  if (!has_key) paths.push_back(object.key_field);
  if (!order.path.empty()) paths.insert(paths.end(), {kSortRank, kSortValue});
  int limit = options.page_size;
  if (range.first_rows > 0 && range.first_rows < limit) limit = static_cast<int>(range.first_rows);
  return records_pipeline({.object = &object, .paths = paths, .include_anonymous = options.include_anonymous,
                           .app_id = options.app_id, .filter = range.filter, .position = {}, .order = order, .limit = limit});
}

}  // namespace pendo
