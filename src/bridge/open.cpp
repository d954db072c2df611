// From plain arrays to the core's constructors.
#include "bridge/open.h"

namespace {

template <class T>
std::vector<T> copy_of(const T* items, int count) {
  return {items, items + count};
}

}  // namespace

void pendo_open_scan(PendoBox<pendo::Scan>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                     const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options,
                     const pendo::SortOrder& order) {
  pendo_make(box, [=, &options, &order](pendo::Failure& failure) {
    return pendo::Scan::create(*client, *object, copy_of(columns, count), options, order, failure);
  });
}

void pendo_open_record_count(PendoBox<pendo::RecordCount>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                             const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::RecordCount::create(*client, *object, options, failure);
  });
}

void pendo_open_counts(PendoBox<pendo::EventCounts>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::ScanColumn* columns, int count, const pendo::CallOptions& options,
                       const pendo::CountPeriod* period) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::EventCounts::create(*client, *object, copy_of(columns, count), options, *period, failure);
  });
}

void pendo_open_fields(PendoBox<pendo::FieldTable>* box) {
  pendo_make(box, [](pendo::Failure&) { return pendo::FieldTable::create(); });
}

void pendo_open_encoder(PendoBox<pendo::RecordEncoder>* box, pendo::FieldTable* table, const pendo::BulkField* fields,
                        int count, const pendo::EncodeRules& rules) {
  pendo_make(box, [=, &rules](pendo::Failure& failure) {
    return pendo::RecordEncoder::create(*table, copy_of(fields, count), rules, failure);
  });
}

void pendo_open_field_check(PendoBox<pendo::FieldCheck>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                            const pendo::BulkField* fields, int count, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::FieldCheck::create(*client, *object, copy_of(fields, count), options, failure);
  });
}

void pendo_open_update(PendoBox<pendo::Writer>* box, PendoClientRef* client, const pendo::ObjectDescriptor* object,
                       const pendo::FieldTable* fields, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::BulkUpdate::create(*client, *object, *fields, options, failure);
  });
}

void pendo_open_sender(PendoBox<pendo::Writer>* box, PendoClientRef* client, const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::EventSender::create(*client, options, failure);
  });
}

void pendo_open_secrets(PendoBox<pendo::TrackSecrets>* box, PendoClientRef* client) {
  pendo_make(box, [=](pendo::Failure& failure) { return pendo::TrackSecrets::create(*client, failure); });
}

void pendo_open_schema(PendoBox<pendo::SchemaFetch>* box, PendoClientRef* client, const char* kind,
                       const pendo::CallOptions& options) {
  pendo_make(box, [=, &options](pendo::Failure& failure) {
    return pendo::SchemaFetch::create(*client, kind, options, failure);
  });
}

namespace {

enum class Outcome { kStarted, kNothing, kFailed, kNoMemory };

// `start` takes the filter and tells whether it worked.
template <class Start>
Outcome start_filtered(const pendo::Condition* condition, Start start) noexcept try {
  pendo::Filter filter = pendo::filter_of(*condition);
  if (filter.kind == pendo::Filter::Kind::kNone) return Outcome::kNothing;
  return start(std::move(filter.text)) ? Outcome::kStarted : Outcome::kFailed;
} catch (const std::bad_alloc&) {
  return Outcome::kNoMemory;
}

template <class Operation>
bool report_outcome(Outcome outcome, Operation* operation) {
  if (outcome == Outcome::kNoMemory) pendo_out_of_memory();
  if (outcome == Outcome::kFailed) pendo_report(operation->failure());
  return outcome == Outcome::kStarted;
}

pendo::Filter filter_for_explain(const pendo::Condition* condition) {
  pendo::Filter filter = pendo::filter_of(*condition);
  if (filter.kind == pendo::Filter::Kind::kNone) filter.text = "false";
  return filter;
}

}  // namespace

bool pendo_start_scan(pendo::Scan* scan, const pendo::Condition* condition, bool in_order, int first_rows) {
  Outcome outcome = start_filtered(condition, [=](std::string filter) {
    return scan->start_all({std::move(filter), in_order, first_rows});
  });
  return report_outcome(outcome, scan);
}

bool pendo_start_counts(pendo::EventCounts* counts, const pendo::Condition* condition, const PendoWindow& window,
                        const pendo::CountPeriod* period, bool pushdown) {
  if (window.none) return false;
  Outcome outcome = start_filtered(condition, [&](std::string filter) {
    pendo::CountsRange range;
    if (pushdown) range = {.types = pendo::types_of(*condition), .filter = std::move(filter)};
    counts->start(std::move(range), pendo::calls_of(window.first_ms, window.last_ms, period->length_ms, window.now_ms));
    return true;
  });
  return report_outcome(outcome, counts);
}

bool pendo_start_count(pendo::RecordCount* count, const pendo::Condition* condition) {
  Outcome outcome = start_filtered(condition, [=](const std::string& filter) { return count->start(filter); });
  return report_outcome(outcome, count);
}

void pendo_start_sample(pendo::Scan* scan, const pendo::ObjectDescriptor* object, int64 total, int wanted) {
  Outcome outcome = [=]() noexcept {
    try {
      return scan->start_all({pendo::sample_filter(*object, total, wanted), false, 0}) ? Outcome::kStarted : Outcome::kFailed;
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }();
  report_outcome(outcome, scan);
}

void pendo_start_keys(pendo::Scan* scan, const std::string_view* keys, int count) {
  Outcome outcome = [=]() noexcept {
    try {
      return scan->start_keys(std::vector<std::string>(keys, keys + count)) ? Outcome::kStarted : Outcome::kFailed;
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }();
  report_outcome(outcome, scan);
}

char* pendo_describe_scan(const PendoTable* table, const pendo::ScanColumn* columns, int count, const pendo::Condition* condition,
                          const pendo::SortOrder& order, int first_rows) {
  return pendo_palloced([=, &order]() {
    return pendo::describe_scan(*table->object, copy_of(columns, count), table->options.call,
                                {filter_for_explain(condition).text, false, first_rows}, order);
  });
}

char* pendo_describe_counts(const PendoTable* table, const pendo::ScanColumn* columns, int count, const pendo::Condition* condition,
                            const PendoWindowBorders& borders, bool pushdown) {
  return pendo_palloced([=, &borders]() {
    return pendo::describe_counts(*table->object, copy_of(columns, count), table->options.call, *pendo_count_period(table), borders.first,
                                  borders.last, pushdown ? pendo::types_of(*condition) : pendo::TypeChoice{},
                                  pushdown ? filter_for_explain(condition).text : std::string());
  });
}

char* pendo_describe_count(const PendoTable* table, const pendo::Condition* condition) {
  return pendo_palloced([=]() { return pendo::describe_count(*table->object, table->options.call, filter_for_explain(condition).text); });
}
