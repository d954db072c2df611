// The corpora of the fuzz targets, input by input: what was once found stays mended.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "fuzz.h"

namespace pendo::fuzz {

void splitter(std::string_view);
void decoder(std::string_view);
void convert(std::string_view);
void text(std::string_view);
void schema(std::string_view);
void bulk_reply(std::string_view);
void headers(std::string_view);
void filter(std::string_view);
void condition(std::string_view);
void gunzip(std::string_view);
void same_json(std::string_view);
void events(std::string_view);
void written(std::string_view);
void track_types(std::string_view);
void stored(std::string_view);

namespace {

using Target = void (*)(std::string_view);
constexpr std::pair<const char*, Target> kTargets[] = {
    {"splitter", splitter}, {"decoder", decoder},     {"convert", convert}, {"text", text},           {"schema", schema},
    {"headers", headers},   {"filter", filter},       {"gunzip", gunzip},   {"bulk_reply", bulk_reply}, {"condition", condition},
    {"events", events},     {"same_json", same_json}, {"written", written}, {"track_types", track_types},
    {"stored", stored}};

// As test/fuzz/corpus writes it: \xNN for what is not a letter.
std::string unescaped(const std::string& line) {
  std::string bytes;
  for (std::size_t i = 0; i < line.size(); ++i) {
    bool escape = line.compare(i, 2, "\\x") == 0;
    bytes += escape ? static_cast<char>(std::strtol(line.substr(i + 2, 2).c_str(), nullptr, 16)) : line[i];
    if (escape) i += 3;
  }
  return bytes;
}

class Corpus : public testing::TestWithParam<std::pair<const char*, Target>> {};

TEST_P(Corpus, HoldsNothingThatBreaksAPromise) {
  auto [name, target] = GetParam();
  std::ifstream file(std::string(PENDO_CORPUS) + "/" + name + ".txt");
  ASSERT_TRUE(file);
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) target(unescaped(line));
  EXPECT_GT(count, 5);
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(kTargets), [](const auto& info) { return std::string(info.param.first); });

}  // namespace
}  // namespace pendo::fuzz
