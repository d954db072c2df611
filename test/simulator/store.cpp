// Scans merge the generated ids with those of the overlay; both are in order.
#include "store.h"

#include <algorithm>
#include <mutex>

#include "hash.h"
#include "journal_lines.h"

namespace simulator {

bool KeyRange::admits(std::string_view id) const {
  if (id < lower || (lower_open && id == lower)) return false;
  if (upper && (id > *upper || (upper_open && id == *upper))) return false;
  return !keys || keys->contains(std::string(id));
}

Store::Store(const DataOptions& options, Journal& journal)
    : options_(options),
      journal_(journal),
      account_ids_(Kind::kAccount, options.accounts, options.clean, options.seed),
      accounts_(Kind::kAccount, options.accounts, options_, account_ids_, journal),
      visitors_(Kind::kVisitor, options.visitors, options_, account_ids_, journal) {}

RecordBuilder Store::builder(Kind kind, const Projection& projection) const {
  return RecordBuilder(kind, options_, account_ids_, projection, part(kind).schema.deleted());
}

std::optional<RecordSource> Store::find_locked(const Part& part, std::string_view id) const {
  auto overlay = part.overlays.find(id);
  auto place = part.place_of(id);
  if (!place && overlay == part.overlays.end()) return std::nullopt;
  return RecordSource{std::string(id), place.value_or(Place{}),
                      overlay == part.overlays.end() ? nullptr : overlay->second};
}

std::optional<RecordSource> Store::find(Kind kind, std::string_view id) const {
  std::shared_lock lock(mutex_);
  return find_locked(part(kind), id);
}

std::optional<Value> Store::record(Kind kind, std::string_view id, const Projection& projection) const {
  auto source = find(kind, id);
  if (!source) return std::nullopt;
  return builder(kind, projection).build(*source);
}

std::vector<RecordSource> Store::listed(const Part& part, const KeyRange& range, const std::string* after,
                                        std::size_t most) const {
  std::vector<RecordSource> found;
  auto key = after ? range.keys->upper_bound(*after) : range.keys->begin();
  for (; key != range.keys->end() && found.size() < most; ++key) {
    if (!range.admits(*key)) continue;
    if (auto source = find_locked(part, *key)) found.push_back(std::move(*source));
  }
  return found;
}

std::vector<RecordSource> Store::next(Kind kind, const KeyRange& range, const std::string* after,
                                      std::size_t most) const {
  std::shared_lock lock(mutex_);
  const Part& part = this->part(kind);
  if (range.keys) return listed(part, range, after, most);
  const std::string& from = after ? *after : range.lower;
  bool open = after || range.lower_open;
  const std::int64_t end = part.generated();
  std::int64_t position = std::min(end, part.ids.lower_bound(from));
  if (open && position < end && part.ids.id(position) == from) ++position;
  auto overlay = open ? part.overlays.upper_bound(from) : part.overlays.lower_bound(from);
  std::vector<RecordSource> found;
  std::string id = position < end ? part.ids.id(position) : std::string();
  while (found.size() < most) {
    bool generated = position < end;
    bool written = overlay != part.overlays.end() && (!generated || overlay->first <= id);
    if (!generated && !written) break;
    bool both = generated && written && overlay->first == id;
    RecordSource source;
    source.id = written ? overlay->first : id;
    if (written) source.overlay = overlay++->second;
    if (!written || both) {
      source.place = part.ids.place(position);
      id = ++position < end ? part.ids.id(position) : std::string();
    }
    if (range.upper && !range.admits(source.id)) break;
    found.push_back(std::move(source));
  }
  return found;
}

const FieldName* Store::intern(const FieldName& field) { return &*names_.insert(field).first; }

void Store::set_field(Overlay& overlay, const FieldName& field, const Value& value) {
  const FieldName* name = intern(field);
  for (auto& change : overlay.changes) {
    if (change.field == name) {
      change.value = value;
      return;
    }
  }
  overlay.changes.push_back({name, value});
}

// A record that comes into being by a write has what Pendo itself gives it.
std::shared_ptr<Overlay> Store::new_overlay(Kind kind, const std::string& id, bool generated) {
  auto overlay = std::make_shared<Overlay>();
  if (generated) return overlay;
  overlay->created = true;
  set_field(*overlay, {"auto", "id"}, id);
  set_field(*overlay, {"auto", "idhash"}, id_hash(id));
  if (kind == Kind::kVisitor) set_field(*overlay, {"auto__323232", "firstvisit"}, 0);
  return overlay;
}

bool Store::write(Kind kind, const std::string& id, const std::vector<Write>& writes, bool create, std::int64_t now_ms,
                  bool touch) {
  std::unique_lock lock(mutex_);
  Part& part = this->part(kind);
  auto it = part.overlays.find(id);
  std::shared_ptr<Overlay> overlay;
  if (it != part.overlays.end()) {
    overlay = std::make_shared<Overlay>(*it->second);
  } else {
    bool generated = part.place_of(id).has_value();
    if (!generated && !create) return false;
    overlay = new_overlay(kind, id, generated);
  }
  for (const auto& write : writes) set_field(*overlay, write.field, write.value);
  if (touch || overlay->created) set_field(*overlay, {"auto", "lastupdated"}, now_ms);
  part.overlays[id] = std::move(overlay);
  if (journal_.is_open()) journal_.append(line_of_write(kind, id, writes, now_ms, touch));
  return true;
}

void Store::load(Kind kind, std::map<std::string, Value> rows) {
  std::unique_lock lock(mutex_);
  Part& part = this->part(kind);
  part.overlays.clear();
  part.loaded = true;
  for (auto& [id, row] : rows) {
    auto overlay = std::make_shared<Overlay>();
    overlay->base = std::make_shared<const Value>(std::move(row));
    part.overlays.emplace_hint(part.overlays.end(), id, std::move(overlay));
  }
}

void Store::reset() {
  std::unique_lock lock(mutex_);
  for (Part* part : {&visitors_, &accounts_}) {
    part->overlays.clear();
    part->loaded = false;
    part->schema.reset();
  }
}

}  // namespace simulator
