// Sizes and texts of bulk records.
#include "bulk_batch.h"

#include <algorithm>

#include "json_write.h"

namespace pendo {
namespace {

constexpr std::string_view kValues = ",\"values\":{";

// Names of fields hold nothing that JSON escapes but perhaps quotes; the size
// may be a few bytes off, which no limit notices.
std::int64_t member_size(const FieldTable::Field& field, std::string_view json) {
  return static_cast<std::int64_t>(field.name.size() + json.size() + 4);
}

}  // namespace

std::size_t SeriesTable::index_of(std::string_view group, bool create) {
  auto same = [&](const Series& s) { return s.create == create && s.group == group; };
  auto found = std::find_if(series_.begin(), series_.end(), same);
  auto index = static_cast<std::size_t>(found - series_.begin());
  if (found == series_.end()) {
    series_.push_back({std::string(group), create});
    sizes_.push_back(0);
  }
  return index;
}

const std::vector<std::int64_t>& SeriesTable::sizes(std::string_view id, std::string_view values) {
  id_text_.clear();
  append_json_string(id_text_, id);
  auto frame = static_cast<std::int64_t>(key_field_.size() + id_text_.size() + kValues.size() + 7);
  std::fill(sizes_.begin(), sizes_.end(), 0);
  FieldValues fields(values);
  std::uint16_t number = 0;
  std::string_view json;
  bool any = false;
  while (fields.next(number, json)) {
    const auto& field = fields_.fields()[number];
    std::size_t series = index_of(field.group, fields.create());
    if (sizes_[series] == 0) sizes_[series] = frame;
    sizes_[series] += member_size(field, json);
    any = true;
  }
  if (!any) sizes_[index_of(default_group_, fields.create())] = frame;
  return sizes_;
}

void SeriesTable::append_record(std::string& out, std::size_t series, std::string_view id, std::string_view values) const {
  out += '{';
  append_json_string(out, key_field_);
  out += ':';
  append_json_string(out, id);
  out += kValues;
  FieldValues fields(values);
  std::uint16_t number = 0;
  std::string_view json;
  while (fields.next(number, json)) {
    const auto& field = fields_.fields()[number];
    if (field.group != series_[series].group) continue;
    if (out.back() != '{') out += ',';
    append_json_string(out, field.name);
    out += ':';
    out += json;
  }
  out += "}}";
}

std::int64_t BulkBatch::bytes() const noexcept {
  std::int64_t sum = 0;
  for (const auto& load : loads_) sum += load.bytes;
  return sum;
}

bool BulkBatch::is_full_for(const std::vector<std::int64_t>& sizes, std::int64_t max_records,
                            std::int64_t max_bytes) const {
  for (std::size_t i = 0; i < sizes.size() && i < loads_.size(); ++i) {
    if (sizes[i] == 0 || loads_[i].records == 0) continue;
    if (loads_[i].records >= max_records || loads_[i].bytes + sizes[i] > max_bytes) return true;
  }
  return false;
}

void BulkBatch::load(const std::vector<std::int64_t>& sizes, int sign) {
  if (loads_.size() < sizes.size()) loads_.resize(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) continue;
    loads_[i].records += sign;
    loads_[i].bytes += sign * sizes[i];
  }
}

void BulkBatch::append(std::string_view id, std::string_view values, const std::vector<std::int64_t>& sizes) {
  Record& record = records_.emplace_back();
  record.id = id;
  record.values = values;
  record.sizes = sizes;
  place_.emplace(record.id, records_.size() - 1);
  load(sizes, 1);
}

void BulkBatch::resize(Record& record, const std::vector<std::int64_t>& sizes) {
  load(record.sizes, -1);
  record.sizes = sizes;
  load(sizes, 1);
}

std::vector<std::uint32_t> BulkBatch::members(std::size_t series) const {
  std::vector<std::uint32_t> result;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const auto& sizes = records_[i].sizes;
    if (series < sizes.size() && sizes[series] > 0) result.push_back(static_cast<std::uint32_t>(i));
  }
  return result;
}

}  // namespace pendo
