// The states of a scan. A page that breaks off is asked again from the last
// key seen, so that no row comes twice and none is left out.
#include "scan.h"

#include <new>
#include <utility>

#include "json_write.h"
#include "pipeline.h"
#include "printable.h"

namespace pendo {
namespace {

// More undecoded bytes than a record may have mean an answer that swells
// faster than it is read (a gzip bomb).
constexpr std::size_t kMaxUndecodedBytes = 4 * kMaxRecordBytes;

// A longer one would not fit into a URL.
constexpr std::size_t kMaxPathIdBytes = 1000;

constexpr std::string_view kAnonymousPrefix = "_PENDO_T_";
constexpr std::string_view kNoIdMark = "VISITOR-UNIQUE-ID";

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> keys;
  for (;;) {
    auto dot = path.find('.');
    keys.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return keys;
    path.remove_prefix(dot + 1);
  }
}

// Ids that travel safely as a percent-encoded path segment. The others (with a
// slash, a quote, ...; or looking like Pendo's b64_ form) are asked by a filter.
bool fits_in_path(std::string_view id) {
  if (id.empty() || id.size() > kMaxPathIdBytes || id == "." || id == ".." || id.starts_with("b64_")) return false;
  for (char c : id) {
    bool odd = c <= ' ' || c == 0x7f || c == '/' || c == '\\' || c == '"' || c == '%';
    if (odd || static_cast<signed char>(c) < 0) return false;
  }
  return true;
}

bool is_anonymous(std::string_view id) {
  return id.starts_with(kAnonymousPrefix) || id == kNoIdMark;
}

std::vector<std::string_view> views_of(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

}  // namespace

std::unique_ptr<Scan> Scan::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                   const std::vector<ScanColumn>& columns, const CallOptions& options,
                                   Failure& failure) noexcept try {
  std::unique_ptr<Scan> scan(new Scan(std::move(client), object, options));
  bool good = scan->ready() && scan->need_integration_key() && scan->call_.valid();
  if (good) scan->plan_columns(columns);
  if (good && scan->check_paths()) return scan;
  failure = scan->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

Scan::Scan(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options)
    : RowSource(std::move(client)), object_(object), options_(options), call_(config(), options_) {}

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
  if (has_key()) add(object_.key_field, ColumnType::kText, {"id"});
  values_.resize(paths_.size());
  row_decoder_ = std::make_unique<RowDecoder>(aliased);
  record_decoder_ = std::make_unique<RowDecoder>(whole);
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

bool Scan::on_body(const char* data, std::size_t size) noexcept {
  undecoded_ += size;
  counts_.bytes += static_cast<long long>(size);
  if (undecoded_ > kMaxUndecodedBytes) return false;
  splitter_.feed(data, size);
  return true;
}

std::string Scan::page_body() const {
  auto paths = views_of(paths_);
  return records_pipeline({.object = &object_, .paths = paths, .include_anonymous = options_.include_anonymous,
                           .after_key = key_, .equal_key = {}, .limit = options_.page_size});
}

std::string Scan::lookup_body() const {
  auto paths = views_of(paths_);
  return records_pipeline({.object = &object_, .paths = paths, .include_anonymous = options_.include_anonymous,
                           .after_key = {}, .equal_key = key_, .limit = 0});
}

Request Scan::aggregation(std::string body) const {
  return {.kind = CallKind::kRead, .post = true, .to_track_host = false, .connect_only = false,
          .path = std::string(kAggregationPath), .body = std::move(body)};
}

bool Scan::send(Request&& request, bool streamed) {
  splitter_.reset();
  undecoded_ = 0;
  rows_in_page_ = rows_in_attempt_ = 0;
  ++counts_.requests;
  if (call_.start(*reactor_, std::move(request), streamed ? this : nullptr)) return true;
  out_of_memory();
  return false;
}

bool Scan::start_all() noexcept try {
  mode_ = Mode::kPages;
  key_.clear();
  page_starts_.clear();
  return send(aggregation(page_body()), true);
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

bool Scan::start_lookup(std::string_view key) noexcept try {
  call_.cancel();
  mode_ = Mode::kIdle;
  key_ = key;
  if (key.empty()) return true;  // nothing in Pendo has an empty id
  bool hidden = object_.may_be_anonymous && !options_.include_anonymous && is_anonymous(key);
  if (hidden) return true;
  if (!fits_in_path(key)) {
    mode_ = Mode::kFilter;
    return send(aggregation(lookup_body()), true);
  }
  mode_ = Mode::kRecord;
  std::string path(object_.record_path);
  append_percent_encoded(path, key);
  return send({.kind = CallKind::kRead, .post = false, .to_track_host = false, .connect_only = false, .path = std::move(path), .body = {}},
              false);
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

bool Scan::start_rows(std::string body) noexcept try {
  mode_ = Mode::kRows;
  rows_body_ = std::move(body);
  return send(aggregation(rows_body_), true);
} catch (const std::bad_alloc&) {
  out_of_memory();
  return false;
}

Status Scan::next(Value* out) noexcept try {
  switch (mode_) {
    case Mode::kIdle:
      return answered(Status::kDone);
    case Mode::kRecord:
      return answered(next_record(out));
    default:
      return answered(next_streamed(out));
  }
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status Scan::next_streamed(Value* out) {
  for (;;) {
    std::string_view record;
    Split split = splitter_.next(record);
    if (split == Split::kRecord) return take_record(record, out);
    if (split == Split::kFailed) return nonsense(splitter_.reason());
    if (call_.done()) {
      Status status = stream_ended();
      if (status != Status::kRow) return status;
      continue;
    }
    std::size_t before = undecoded_;
    drive();
    if (undecoded_ == before && !call_.done()) return Status::kWouldBlock;
  }
}

Status Scan::take_record(std::string_view record, Value* out) {
  undecoded_ = 0;
  if (!row_decoder_->decode(record, values_.data())) return nonsense(row_decoder_->reason());
  Status status = has_key() ? check_key(values_.back()) : Status::kRow;
  if (status != Status::kRow) return status;
  if (rows_in_attempt_++ == 0 && has_key()) call_.progressed();
  ++rows_in_page_;
  ++counts_.rows;
  std::copy(values_.begin(), values_.end() - (has_key() ? 1 : 0), out);
  return Status::kRow;
}

Status Scan::check_key(const Value& key) {
  if (key.kind != ValueKind::kText || key.text.empty()) return nonsense("a row has no usable key");
  if (mode_ == Mode::kFilter) {
    return key.text == key_ ? Status::kRow : nonsense("it holds a row with another key than the one asked for");
  }
  bool again = key.text == key_ || (rows_in_attempt_ == 0 && !starts_a_page(key.text));
  if (again) return nonsense("it lists \"" + printable(key.text, 100) + "\" twice");
  key_ = key.text;
  return Status::kRow;
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
  bool last_page = mode_ != Mode::kPages || rows_in_page_ < options_.page_size;
  if (last_page) {
    mode_ = Mode::kIdle;
    return Status::kDone;
  }
  return send(aggregation(page_body()), true) ? Status::kRow : Status::kFailed;
}

std::string Scan::body_to_resume() const {
  return mode_ == Mode::kRows ? rows_body_ : mode_ == Mode::kFilter ? lookup_body() : page_body();
}

Status Scan::stream_broke() {
  if (undecoded_ > kMaxUndecodedBytes) {
    return fail(sqlstate::kProgramLimit, "Pendo sent a record of more than 8 MB to server \"" + config().server_name + "\"");
  }
  bool whole = call_.succeeded();
  Failure failure = call_.failure();
  Request again = aggregation(body_to_resume());
  bool can_resume = mode_ != Mode::kRows || rows_in_attempt_ == 0;
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
  if (call_.http_status() == 404) return confirm_absence();
  if (!call_.succeeded()) return fail(call_.failure());
  return record_answered(out);
}

Status Scan::record_answered(Value* out) {
  counts_.bytes += static_cast<long long>(call_.reply().size());
  if (call_.http_status() != 200) return nonsense("it has no record");
  if (!record_decoder_->decode(call_.reply(), values_.data())) return nonsense(record_decoder_->reason());
  if (values_.back().kind != ValueKind::kText || values_.back().text != key_) {
    return nonsense("it is not the record that was asked for");
  }
  ++counts_.rows;
  std::copy(values_.begin(), values_.end() - 1, out);
  return Status::kRow;
}

// Pendo: 404 "Error while getting visitor, no such entity found". Another 404
// may come from a wrong host or a proxy and must not pass for an absent record.
Status Scan::confirm_absence() {
  if (call_.reply().find("no such entity") != std::string::npos) return Status::kDone;
  mode_ = Mode::kFilter;
  return send(aggregation(lookup_body()), true) ? Status::kWouldBlock : Status::kFailed;
}

Status Scan::nonsense(const std::string& reason) {
  std::string begin = mode_ == Mode::kIdle ? printable(call_.reply(), 200) : printable(splitter_.preview(), 200);
  return fail(sqlstate::kReplyHandle,
              "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
              (call_.request().post ? "POST " : "GET ") + printable(call_.request().path, 120) +
                  " answered 200 with a body that begins: " + begin,
              "No row of it was left out: the statement ends here. Try again later; if it happens each time, "
              "check the server's region or api_url.");
}

std::string describe_scan(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns,
                          const CallOptions& options) {
  std::vector<std::string_view> paths;
  for (const auto& column : columns) paths.push_back(column.path);
  paths.push_back(object.key_field);
  return records_pipeline({.object = &object, .paths = paths, .include_anonymous = options.include_anonymous,
                           .after_key = {}, .equal_key = {}, .limit = options.page_size});
}

}  // namespace pendo
