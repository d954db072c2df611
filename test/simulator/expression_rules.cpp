// The switches that the expression language goes by, read once per request. An
// enumeration has its values in the order of the switch table.
#include "expression.h"

namespace simulator {
namespace {

template <typename Choice>
Choice choice(const Switches& switches, Switch id) {
  return static_cast<Choice>(switches.number(id));
}

// The two tables name the same things in different orders.
ExpressionRules::Truth logic_truth(const Switches& switches) {
  using Truth = ExpressionRules::Truth;
  if (switches.is(Switch::kLogicNonBoolean, "numbers")) return Truth::kNumbers;
  if (switches.is(Switch::kLogicNonBoolean, "truthy")) return Truth::kTruthy;
  return switches.is(Switch::kLogicNonBoolean, "false") ? Truth::kBooleans : Truth::kError;
}

}  // namespace

ExpressionRules::ExpressionRules(const Switches& switches)
    : in_operator(switches.is(Switch::kInOperator, "accept")),
      single_quotes(switches.is(Switch::kSingleQuotes, "accept")),
      backtick_backslash(switches.is(Switch::kBacktickEscape, "backslash")),
      newline_in_quotes(switches.is(Switch::kNewlineInQuotes, "accept")),
      keep_unknown_escape(switches.is(Switch::kUnknownEscape, "keep")),
      refuse_contains_literal(switches.is(Switch::kContainsListLiteral, "refuse")),
      mixed(choice<Mixed>(switches, Switch::kMixedComparison)),
      mixed_equality(choice<Equality>(switches, Switch::kMixedEquality)),
      boolean_number(choice<Equality>(switches, Switch::kBooleanNumber)),
      exact_integers(switches.is(Switch::kLargeIntegers, "exact")),
      list_not_equal(choice<ListNotEqual>(switches, Switch::kListNotEqual)),
      nulls_first(switches.choice(Switch::kNullSort).ends_with("first")),
      nulls_stay(switches.choice(Switch::kNullSort).starts_with("always")),
      sort_mixed_by_text(switches.is(Switch::kMixedSort, "by_text")),
      collate_no_case(switches.is(Switch::kCollation, "no_case")),
      compare_no_case(switches.is(Switch::kComparisonCase, "insensitive")),
      contains_no_case(switches.is(Switch::kContainsCase, "insensitive")),
      missing_is_null(switches.is(Switch::kMissingIsNull, "yes")),
      is_null_means_exists(switches.is(Switch::kIsNullMeans, "exists")),
      logic_truth(simulator::logic_truth(switches)),
      filter_truth(choice<Truth>(switches, Switch::kFilterNonBoolean)),
      not_null(choice<NotNull>(switches, Switch::kNotNull)),
      eager_logic(switches.is(Switch::kLogicEvaluation, "eager")),
      eager_if(switches.is(Switch::kIfEvaluation, "eager")),
      type_error(switches.is(Switch::kTypeError, "error")),
      division_by_zero(choice<Division>(switches, Switch::kDivisionByZero)),
      contains_null_is_null(switches.is(Switch::kContainsNull, "null")),
      contains_literal_is_null(switches.is(Switch::kContainsListLiteral, "null")),
      mixed_list(choice<MixedList>(switches, Switch::kListLiteralTypes)),
      length_of_null(choice<LengthOfNull>(switches, Switch::kLenNull)),
      length_in_characters(switches.is(Switch::kStringLength, "characters")),
      lower_other(choice<LowerOther>(switches, Switch::kLowerNonString)),
      lower_ascii_only(switches.is(Switch::kLowerCaseLetters, "ascii")),
      zone_minutes(static_cast<int>(switches.number(Switch::kTimeZoneMinutes))),
      now_ms(switches.now_ms()) {}

bool ExpressionRules::may_fail() const {
  return type_error || mixed == Mixed::kError || mixed_equality == Equality::kError ||
         boolean_number == Equality::kError || list_not_equal == ListNotEqual::kError ||
         division_by_zero == Division::kError || logic_truth == Truth::kError || filter_truth == Truth::kError ||
         not_null == NotNull::kError || mixed_list == MixedList::kError || length_of_null == LengthOfNull::kError ||
         lower_other == LowerOther::kError;
}

}  // namespace simulator
