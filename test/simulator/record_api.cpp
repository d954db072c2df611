// GET visitor/:id and account/:id. Their shape is not that of an aggregation's row.
#include "handlers.h"
#include "path_id.h"

namespace simulator {
namespace {

// A record that was loaded may have none.
void take_metadata(Value& row, Value& out) {
  if (Value* metadata = row.find("metadata")) out.set("metadata", std::move(*metadata));
}

Value to_visitor(Value row) {
  Value out = Object{};
  const Value* accounts = find_path(row, "metadata.auto.accountids");
  const Value* last = find_path(row, "metadata.auto.lastvisit");
  out.set("account", Object{{"id", ""}});
  out.set("accountIds", accounts && accounts->is_list() ? *accounts : Value(List{}));
  out.set("id", *row.find("visitorId"));
  out.set("lastStartTime", last && last->is_number() ? *last : Value(0));
  take_metadata(row, out);
  return out;
}

Value to_account(Value row) {
  Value out = Object{};
  out.set("id", *row.find("accountId"));
  take_metadata(row, out);
  return out;
}

void get_record(Exchange& exchange, Kind kind) {
  auto id = path_id(exchange);
  auto row = id ? exchange.world.store.record(kind, *id, Projection::single_record()) : std::nullopt;
  if (!row) return answer_no_record(exchange, kind);
  exchange.answer_json(200, kind == Kind::kVisitor ? to_visitor(std::move(*row)) : to_account(std::move(*row)));
}

}  // namespace

void get_visitor(Exchange& exchange) { get_record(exchange, Kind::kVisitor); }
void get_account(Exchange& exchange) { get_record(exchange, Kind::kAccount); }

}  // namespace simulator
