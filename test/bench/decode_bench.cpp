// What a row costs: splitting and decoding an aggregation's answer, compared
// with a bare RapidJSON SAX pass over the same bytes in the same run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "json_reader.h"
#include "record_splitter.h"
#include "row_decoder.h"

namespace {

using pendo::ColumnType;
using pendo::Value;
using pendo::ValueKind;

constexpr std::size_t kRows = 20'000;
constexpr std::size_t kPiece = 16 << 10;  // what libcurl hands over at a time
constexpr int kRounds = 31;

constexpr ColumnType kTypes[] = {
    ColumnType::kText, ColumnType::kText, ColumnType::kText,   ColumnType::kText, ColumnType::kText,
    ColumnType::kTime, ColumnType::kTime, ColumnType::kTime,   ColumnType::kInt,  ColumnType::kInt,
    ColumnType::kBool, ColumnType::kBool, ColumnType::kNumber, ColumnType::kText, ColumnType::kFloat,
};
constexpr std::size_t kColumns = std::size(kTypes);

std::string row(std::size_t i) {
  std::string n = std::to_string(i * 7919 % 1'000'003);
  return R"({"a":"visitor-)" + n + R"(","b":"someone.)" + n + R"(@example.com","c":"Acme Corp )" + n +
         R"(","d":"es_419","e":"Chrome","f":)" + std::to_string(1463547077029 + i) + R"(,"g":)" +
         std::to_string(1535558257624 + i * 3) + R"(,"h":1515771385415,"i":)" + std::to_string(i % 400) +
         R"(,"j":-323232,"k":true,"l":false,"m":)" + std::to_string(i % 90) + R"(.25,"n":"enterprise \u0026 co","o":)" +
         std::to_string(i % 7) + ".5}";
}

std::string body() {
  std::string text = R"({"results":[)";
  for (std::size_t i = 0; i < kRows; ++i) {
    if (i > 0) text += ',';
    text += row(i);
  }
  return text + R"(],"startTime":1515771385415})";
}

struct NullHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, NullHandler> {
  bool Default() { return true; }
};

constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag |
                            rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

bool bare_pass(const std::string& text) {
  rapidjson::Reader reader;
  rapidjson::StringStream stream(text.c_str());
  NullHandler handler;
  return !reader.Parse<kFlags>(stream, handler).IsError();
}

bool bare_pass_in_place(std::string& text) {
  rapidjson::Reader reader;
  rapidjson::InsituStringStream stream(text.data());
  NullHandler handler;
  return !reader.Parse<kFlags | rapidjson::kParseInsituFlag>(stream, handler).IsError();
}

// Hands each record on; false when it does not end well.
template <typename Take>
bool split(const std::string& text, Take take) {
  pendo::RecordSplitter splitter;
  std::string_view record;
  std::size_t rows = 0;
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    splitter.feed(text.data() + at, std::min(kPiece, text.size() - at));
    while (splitter.next(record) == pendo::Split::kRecord) {
      if (!take(record)) return false;
      ++rows;
    }
  }
  return splitter.finish() == pendo::Split::kEnd && rows == kRows;
}

bool split_only(const std::string& text) {
  return split(text, [](std::string_view) { return true; });
}

bool split_and_decode(const std::string& text, pendo::RowDecoder& decoder) {
  std::vector<Value> values(kColumns);
  return split(text, [&](std::string_view record) {
    return decoder.decode(record, values.data()) && values.back().kind == ValueKind::kFloat;
  });
}

double nanoseconds(const std::function<bool()>& work) {
  auto begin = std::chrono::steady_clock::now();
  bool good = work();
  std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  if (!good) {
    std::fputs("a pass went wrong\n", stderr);
    std::exit(1);
  }
  return spent.count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Pass {
  const char* name;
  std::function<bool()> work;
  std::vector<double> times = {};
};

}  // namespace

int main() {
  const std::string text = body();
  std::string scratch;
  std::vector<pendo::DecodeColumn> columns;
  for (std::size_t i = 0; i < kColumns; ++i) columns.push_back({{std::string(1, static_cast<char>('a' + i))}, kTypes[i]});
  pendo::RowDecoder decoder(columns);

  Pass passes[] = {
      {"bare RapidJSON SAX pass", [&] { return bare_pass(text); }},
      {"  the same in place", [&] { return bare_pass_in_place(scratch); }},
      {"split", [&] { return split_only(text); }},
      {"split and decode", [&] { return split_and_decode(text, decoder); }},
  };
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    for (auto& pass : passes) {
      scratch = text;
      pass.times.push_back(nanoseconds(pass.work));
    }
    ratios.push_back(passes[3].times.back() / passes[0].times.back());
  }

  auto per_row = [](double time) { return time / static_cast<double>(kRows); };
  std::printf("%zu rows of %zu columns, %zu bytes each\n", kRows, kColumns, text.size() / kRows);
  for (const auto& pass : passes) {
    double time = median(pass.times);
    std::printf("%-26s %7.1f ns/row (best %7.1f)  %5.2f GB/s\n", pass.name, per_row(time),
                per_row(*std::min_element(pass.times.begin(), pass.times.end())), static_cast<double>(text.size()) / time);
  }
  std::printf("split and decode / bare pass: %.2f (median of %d rounds)\n", median(ratios), kRounds);
}
