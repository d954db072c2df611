// What Pendo's documents leave open, as named switches: each with its values, its
// default and the reason for that default. Also the simulator's own knobs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "value.h"

namespace simulator {

enum class Switch {
  kLatencyMs,
  kClockMs,
  kCompression,
  // keys
  kReadOnlyKeyStatus,
  kOtherRegionStatus,
  kTrackWrongSecretStatus,
  kTrackIntegrationKey,
  // ids in paths
  kBase64Padding,
  kBase64Prefix,
  kDotSegments,
  kNotFoundBody,
  // metadata writes
  kFieldKeyCase,
  kUnknownAgentField,
  kNewFieldType,
  kNumberReadsAs,
  kOtherGroupWrite,
  kNullValue,
  kEmptyString,
  kTypeMismatch,
  kBadDate,
  kEpochSecondsBelow,
  kTouchLastUpdated,
  kBlacklistGuides,
  kPutAnswer,
  kAbsentValue,
  // bulk metadata
  kBulkErrorsShape,
  kBulkEmptyLists,
  kBulkKind,
  kBulkDuplicateIds,
  kBulkBadValue,
  kBulkBlankId,
  kBulkBothIds,
  kBulkEmptyArray,
  kBulkMaxBytes,
  kBulkPatch,
  // schema
  kSchemaUnknownKind,
  kCreateFieldsShape,
  // aggregation
  kEmptyResults,
  kStartTime,
  kReduceEmpty,
  kGroupDottedKey,
  kCountNull,
  kListNull,
  kSumOfNone,
  kVariance,
  kPercentileMethod,
  kSwitchNoMatch,
  kExpandMissing,
  kUnknownSegment,
  kIterativePeriods,
  kSkipOperator,
  kUnknownOperator,
  kUnknownSource,
  kVisitorsAppId,
  kEventsCountTrack,
  kHourRangeNeedsId,
  kNegativeCountEnds,
  kTimeZoneMinutes,
  // expressions
  kNullSort,
  kCollation,
  kComparisonCase,
  kContainsCase,
  kLowerCaseLetters,
  kMixedSort,
  kMixedComparison,
  kMixedEquality,
  kBooleanNumber,
  kLargeIntegers,
  kListNotEqual,
  kTypeError,
  kDivisionByZero,
  kMissingIsNull,
  kIsNullMeans,
  kNotNull,
  kLogicNonBoolean,
  kFilterNonBoolean,
  kLogicEvaluation,
  kIfEvaluation,
  kContainsNull,
  kContainsListLiteral,
  kListLiteralTypes,
  kLenNull,
  kLowerNonString,
  kInOperator,
  kSingleQuotes,
  kBacktickEscape,
  kNewlineInQuotes,
  kUnknownEscape,
  kStringLength,
  // JSON
  kHtmlEscape,
  kIntegerText,
  // track
  kTrackAnswer,
  kTrackArray,
  kTrackNested,
  kEventDelayMs,
  kOldEvents,
  kFutureEvents,
  kCount_,
};

constexpr std::size_t kSwitchCount = static_cast<std::size_t>(Switch::kCount_);

struct SwitchInfo {
  Switch id;
  std::string_view name;
  std::string_view values;  // "a|b|c", or "number"
  std::string_view default_value;
  std::string_view reason;
};

std::span<const SwitchInfo> switch_table();

class Switches {
 public:
  Switches();

  // A choice by its text, or a number in decimal; false with the reason in `error`.
  bool set(std::string_view name, std::string_view value, std::string& error);
  // What is set now is what reset() goes back to.
  void remember();
  void reset();

  std::string_view choice(Switch id) const;
  bool is(Switch id, std::string_view value) const { return choice(id) == value; }
  std::int64_t number(Switch id) const { return values_[static_cast<std::size_t>(id)]; }
  // The time that the subscription has, in epoch ms.
  std::int64_t now_ms() const;
  // {name: {value, default, values, reason}}
  Value describe() const;

 private:
  std::array<std::atomic<std::int64_t>, kSwitchCount> values_;
  std::array<std::int64_t, kSwitchCount> start_values_;
};

}  // namespace simulator
