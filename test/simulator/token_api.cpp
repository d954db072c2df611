// GET token/verify: what the key may do.
#include "handlers.h"
#include "keys.h"

namespace simulator {

void verify_token(Exchange& exchange) {
  exchange.answer_json(200, Object{{"valid", true}, {"writeAccess", may_write(exchange.world, exchange.request)}});
}

}  // namespace simulator
