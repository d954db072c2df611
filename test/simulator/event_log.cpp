// Every day has its two dozen events of each kind from 90 days before the base time on.
#include "event_log.h"

#include <algorithm>

#include "apps.h"
#include "calendar.h"
#include "catalog.h"
#include "field_values.h"
#include "hash.h"
#include "journal_lines.h"
#include "json_parse.h"

namespace simulator {
namespace {

constexpr std::size_t kMostReceived = 1'000'000;
constexpr std::uint64_t kEventsPerDay = 24;
constexpr std::int64_t kFirstGenerated = kBaseMs - 90 * kDayMs;
constexpr std::string_view kApiServer = "__apitrackevent__";  // Pendo: the server of events that came by the API

std::string text_of(const Value& body, std::string_view name) {
  const Value* value = body.find(name);
  return value && value->is_string() ? value->string() : std::string();
}

EventAtom received_atom(const ReceivedEvent& event) {
  Value body;
  std::string error;
  parse_json(event.body, body, error);
  EventAtom atom;
  atom.time = event.timestamp;
  atom.app = event.app;
  atom.type_id = event.type_id;
  atom.visitor_id = text_of(body, "visitorId");
  atom.account_id = text_of(body, "accountId");
  atom.server = kApiServer;
  if (const Value* context = body.find("context")) {
    atom.remote_ip = text_of(*context, "ip");
    atom.user_agent = text_of(*context, "userAgent");
  }
  if (const Value* properties = body.find("properties"); properties && properties->is_object()) {
    atom.properties = *properties;
  }
  return atom;
}

}  // namespace

void EventLog::add(ReceivedEvent event) {
  std::lock_guard lock(mutex_);
  if (journal_.is_open()) journal_.append(line_of_event(event));
  received_.push_back(std::move(event));
  if (received_.size() > kMostReceived) received_.pop_front();
}

void EventLog::load(std::deque<ReceivedEvent> events) {
  std::lock_guard lock(mutex_);
  received_ = std::move(events);
  generates_ = false;
}

void EventLog::reset() {
  std::lock_guard lock(mutex_);
  received_.clear();
  generates_ = true;
}

void EventLog::each_received(const std::function<bool(const ReceivedEvent&)>& visit) const {
  std::unique_lock lock(mutex_);
  for (std::size_t i = 0; i < received_.size(); ++i) {
    ReceivedEvent event = received_[i];
    lock.unlock();
    if (!visit(event)) return;
    lock.lock();
  }
}

std::int64_t EventLog::earliest() const {
  std::lock_guard lock(mutex_);
  std::int64_t earliest = kFirstGenerated;
  for (const auto& event : received_) earliest = std::min(earliest, event.timestamp);
  return earliest;
}

std::vector<EventLog::Subject> EventLog::subjects(EventKind kind) const {
  std::vector<Subject> subjects;
  if (kind == EventKind::kTrack) {
    for (const auto& type : types_.of_apps(expand_apps("*"))) {
      if (type.created_at < kBaseMs) subjects.push_back({type.id, type.app});
    }
    return subjects;
  }
  auto items = catalog(kind == EventKind::kPage ? ItemKind::kPage : ItemKind::kFeature, store_.options());
  for (const auto& item : items) subjects.push_back({item.id, item.app});
  return subjects;
}

EventAtom EventLog::atom(EventKind kind, std::int64_t day, std::uint64_t number,
                         const std::vector<Subject>& subjects) const {
  const DataOptions& options = store_.options();
  std::uint64_t seed = options.seed ^ (0xE7E47 + static_cast<std::uint64_t>(kind));
  std::uint64_t bits = mix(mix(seed, static_cast<std::uint64_t>(day)), number);
  const Subject& subject = subjects[bits % subjects.size()];
  auto visitor = static_cast<std::int64_t>(bits / 64 % static_cast<std::uint64_t>(options.visitors));
  std::string id = store_.ids(Kind::kVisitor).numbered_id(visitor);
  RecordSeed record{options, store_.ids(Kind::kAccount), Kind::kVisitor, Place{Origin::kNumbered, visitor}, id};
  EventAtom atom;
  // two of the day's events share an hour, a visitor's several are rare
  atom.time = day * kDayMs + static_cast<std::int64_t>(number) * kHourMs + static_cast<std::int64_t>(mix(bits) % kHourMs);
  atom.app = subject.app;
  atom.type_id = subject.id;
  atom.visitor_id = id;
  atom.account_id = account_of(record);
  atom.count = 1 + static_cast<std::int64_t>(bits >> 40 & 3);
  atom.remote_ip = "192.0.2." + std::to_string(bits >> 50 & 255);
  bool track = kind == EventKind::kTrack;
  atom.server = track ? kApiServer : "app.acme.example";
  atom.user_agent = track ? "acme-backend/1.0" : make_user_agent(record).string();
  if (track && bits >> 60 & 1) atom.properties.set("channel", bits >> 61 & 1 ? "email" : "web");
  return atom;
}

void EventLog::generate(EventKind kind, std::int64_t from, std::int64_t until, std::vector<EventAtom>& out) const {
  from = std::max(from, kFirstGenerated);
  if (store_.options().visitors == 0 || from >= until) return;
  std::vector<Subject> subjects = this->subjects(kind);
  for (std::int64_t day = from / kDayMs; day * kDayMs < until; ++day) {
    for (std::uint64_t i = 0; i < kEventsPerDay; ++i) {
      EventAtom one = atom(kind, day, i, subjects);
      if (one.time >= from && one.time < until) out.push_back(std::move(one));
    }
  }
}

std::vector<EventAtom> EventLog::between(EventKind kind, std::int64_t from, std::int64_t until, std::int64_t now_ms,
                                         std::int64_t delay_ms) const {
  std::vector<EventAtom> found;
  std::lock_guard lock(mutex_);
  bool track = kind == EventKind::kTrack;
  if (generates_ || !track) generate(kind, from, std::min(until, now_ms), found);
  for (const auto& event : received_) {
    bool counts = track && event.processed && event.received_at <= now_ms - delay_ms;
    if (counts && event.timestamp >= from && event.timestamp < until) found.push_back(received_atom(event));
  }
  return found;
}

}  // namespace simulator
