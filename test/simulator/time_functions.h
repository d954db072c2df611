// The functions of the expression language that deal with times (epoch ms).
#pragma once

#include "expression_functions.h"

namespace simulator {

Value time_now(Arguments arguments, const ExpressionRules& rules);
Value time_date(Arguments arguments, const ExpressionRules& rules);
Value time_add(Arguments arguments, const ExpressionRules& rules);
Value time_distance(Arguments arguments, const ExpressionRules& rules);
Value time_start_of_period(Arguments arguments, const ExpressionRules& rules);
Value time_format(Arguments arguments, const ExpressionRules& rules);

}  // namespace simulator
