// Values look like those of Pendo's own samples. Each has a subject number, so that
// it does not depend on which other fields are asked for.
#include "field_values.h"

#include <array>

#include "calendar.h"
#include "hash.h"

namespace simulator {
namespace {

enum Subject : std::uint64_t {
  kNid = 1, kAccount, kCreated, kFirstVisit, kVisits, kUpdated, kBrowser, kServer, kSecondApp,
  kName, kRole, kLanguage, kCode, kPlan, kSeats, kScore, kActive, kRenewal, kTags, kNotes, kFlags, kSalesforce,
};

template <std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& words, std::uint64_t bits) {
  return words[bits % N];
}

constexpr std::array<std::string_view, 4> kPlans = {"free", "basic", "pro", "enterprise"};
constexpr std::array<std::string_view, 3> kRoles = {"admin", "user", "viewer"};
constexpr std::array<std::string_view, 5> kLanguages = {"en_us", "de_de", "es_419", "ja_jp", "fr_fr"};
constexpr std::array<std::string_view, 6> kTagWords = {"beta", "vip", "trial", "churn-risk", "emea", "apac"};
constexpr std::array<std::string_view, 12> kFirstNames = {"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald",
                                                          "Radia", "Ken", "Frances", "Niklaus", "Hedy", "Tony"};
constexpr std::array<std::string_view, 12> kLastNames = {"Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth",
                                                         "Perlman", "Thompson", "Allen", "Wirth", "Lamarr", "Hoare"};
constexpr std::array<std::string_view, 3> kServers = {"www.pendosandbox.com", "pendosandbox.com", "app.acme.example"};

struct Browser {
  std::string_view name;
  std::string_view version;
  std::string_view system;
  std::string_view user_agent;
};

constexpr Browser kBrowsers[] = {
    {"Chrome", "63.0.3239", "Windows",
     "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/63.0.3239.132 Safari/537.36"},
    {"Chrome", "67.0.3396", "Mac OS X",
     "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/67.0.3396.99 Safari/537.36"},
    {"Firefox", "48.0", "Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:48.0) Gecko/20100101 Firefox/48.0"},
};

const Browser& browser(const RecordSeed& seed) { return kBrowsers[seed.bits(kBrowser) % 3]; }

std::int64_t first_visit(const RecordSeed& seed) {
  return kBaseMs - static_cast<std::int64_t>(seed.bits(kFirstVisit) % (700 * kDayMs));
}

std::int64_t last_visit(const RecordSeed& seed) {
  return first_visit(seed) + static_cast<std::int64_t>(seed.bits(kVisits) % (300 * kDayMs));
}

bool has_second_app(const RecordSeed& seed) { return seed.bits(kSecondApp) % 4 == 0; }
bool has_salesforce(const RecordSeed& seed) { return !seed.anonymous() && seed.bits(kSalesforce) % 3 == 0; }

// Anonymous visitors have what the browser tells and nothing else.
Value unless_anonymous(const RecordSeed& seed, Value value) { return seed.anonymous() ? Value() : std::move(value); }

}  // namespace

std::string account_of(const RecordSeed& visitor) {
  std::int64_t accounts = visitor.accounts.numbered();
  if (accounts == 0 || visitor.anonymous()) return {};
  return visitor.accounts.numbered_id(static_cast<std::int64_t>(visitor.bits(kAccount) % static_cast<std::uint64_t>(accounts)));
}

Value make_id(const RecordSeed& seed) { return seed.id; }
Value make_id_hash(const RecordSeed& seed) { return id_hash(seed.id); }
// Beyond 2^53, where a reader that makes floats of integers loses digits.
Value make_nid(const RecordSeed& seed) { return seed.bits(kNid) >> 1; }

Value make_account_id(const RecordSeed& seed) {
  std::string account = account_of(seed);
  return account.empty() ? Value() : Value(std::move(account));
}

Value make_account_ids(const RecordSeed& seed) {
  std::string account = account_of(seed);
  if (account.empty()) return Value();
  List all;
  std::uint64_t bits = seed.bits(kAccount) >> 32;
  if (bits % 8 == 0) {
    auto other = static_cast<std::int64_t>(bits / 8 % static_cast<std::uint64_t>(seed.accounts.numbered()));
    if (seed.accounts.numbered_id(other) != account) all.emplace_back(seed.accounts.numbered_id(other));
  }
  all.emplace_back(std::move(account));
  return all;
}

Value make_created(const RecordSeed& seed) {
  return seed.bits(kCreated) % 2 ? Value(first_visit(seed)) : Value();
}
Value make_first_visit(const RecordSeed& seed) { return first_visit(seed); }
Value make_last_visit(const RecordSeed& seed) { return last_visit(seed); }
Value make_last_updated(const RecordSeed& seed) {
  return last_visit(seed) + static_cast<std::int64_t>(seed.bits(kUpdated) % kDayMs);
}
Value make_browser(const RecordSeed& seed) { return browser(seed).name; }
Value make_browser_version(const RecordSeed& seed) { return browser(seed).version; }
Value make_system(const RecordSeed& seed) { return browser(seed).system; }
Value make_server(const RecordSeed& seed) { return pick(kServers, seed.bits(kServer)); }
Value make_user_agent(const RecordSeed& seed) { return browser(seed).user_agent; }
Value make_metadata_update(const RecordSeed& seed) { return unless_anonymous(seed, last_visit(seed)); }

Value make_second_app_first_visit(const RecordSeed& seed) {
  return has_second_app(seed) ? Value(first_visit(seed) + kDayMs) : Value();
}
Value make_second_app_last_visit(const RecordSeed& seed) {
  return has_second_app(seed) ? Value(last_visit(seed) + kDayMs) : Value();
}

Value make_email(const RecordSeed& seed) {
  if (seed.anonymous()) return Value();
  if (seed.place.origin == Origin::kNumbered) return std::string(seed.id) + "@acme.example";
  return "odd" + std::to_string(seed.place.number) + "@acme.example";
}

Value make_name(const RecordSeed& seed) {
  if (seed.anonymous()) return Value();
  std::uint64_t bits = seed.bits(kName);
  std::string name(pick(kLastNames, bits / 12));
  if (seed.kind == Kind::kAccount) return name + " Corp";
  return std::string(pick(kFirstNames, bits)) + " " + name;
}

Value make_role(const RecordSeed& seed) { return unless_anonymous(seed, pick(kRoles, seed.bits(kRole))); }
Value make_language(const RecordSeed& seed) { return unless_anonymous(seed, pick(kLanguages, seed.bits(kLanguage))); }
Value make_internal_code(const RecordSeed& seed) { return unless_anonymous(seed, seed.bits(kCode) % 1000); }

Value make_plan(const RecordSeed& seed) { return unless_anonymous(seed, pick(kPlans, seed.bits(kPlan))); }
Value make_seats(const RecordSeed& seed) { return unless_anonymous(seed, 1 + seed.bits(kSeats) % 500); }
Value make_score(const RecordSeed& seed) {
  return unless_anonymous(seed, static_cast<double>(seed.bits(kScore) % 10'000) / 100);
}
Value make_active(const RecordSeed& seed) { return unless_anonymous(seed, seed.bits(kActive) % 2 == 0); }
Value make_renewal(const RecordSeed& seed) {
  return unless_anonymous(seed, kBaseMs + static_cast<std::int64_t>(seed.bits(kRenewal) % 730) * kDayMs);
}

Value make_tags(const RecordSeed& seed) {
  if (seed.anonymous()) return Value();
  std::uint64_t bits = seed.bits(kTags);
  List tags;
  for (std::uint64_t i = 0; i < bits % 4; ++i) tags.emplace_back(kTagWords[(bits / 4 + i) % kTagWords.size()]);
  return tags;
}

Value make_notes(const RecordSeed& seed) {
  bool big = seed.kind == Kind::kVisitor && seed.place.origin == Origin::kNumbered &&
             seed.place.number < seed.options.big_records;
  if (big) return std::string(1'000'000, static_cast<char>('a' + seed.place.number % 26));
  if (seed.anonymous() || seed.bits(kNotes) % 10 != 0) return Value();
  return "called on day " + std::to_string(seed.bits(kNotes) / 10 % 365);
}

Value make_process_flag(const RecordSeed& seed) { return seed.bits(kFlags) % 20 == 0 ? Value(false) : Value(); }
Value make_integration_source(const RecordSeed& seed) {
  return seed.bits(kFlags) % 40 == 0 ? Value("api") : Value();
}
Value make_description(const RecordSeed& seed) {
  return seed.bits(kFlags) % 20 == 1 ? Value("an account to look after") : Value();
}
Value make_salesforce_account(const RecordSeed& seed) {
  if (!has_salesforce(seed)) return Value();
  return seed.kind == Kind::kVisitor ? Value(account_of(seed)) : Value(seed.id);
}
Value make_salesforce_email(const RecordSeed& seed) { return has_salesforce(seed) ? make_email(seed) : Value(); }

Value make_nothing(const RecordSeed&) { return Value(); }

}  // namespace simulator
