// The two tables. Field names and what the schema leaves out are as in public
// copies of Pendo's schema.
#include "fields.h"

#include "field_values.h"
#include "hash.h"

namespace simulator {
namespace {

constexpr std::string_view kText = "string";
constexpr std::string_view kTime = "time";
constexpr std::string_view kBool = "boolean";
constexpr std::string_view kInt = "integer";

constexpr Field kVisitorFields[] = {
    {"agent", "email", kText, "Email", kSampledField, make_email},
    {"agent", "internalcode", kInt, "Internal Code", kHiddenField, make_internal_code},
    {"agent", "language", kText, "Language", kPlainField, make_language},
    {"agent", "name", kText, "Name", kSampledField, make_name},
    {"agent", "role", kText, "Role", kPlainField, make_role},

    {"auto", "accountid", kText, "Account ID", kSampledField, make_account_id},
    {"auto", "accountids", "list", "Account IDs", kSampledField, make_account_ids},
    {"auto", "createdat", kTime, "Created At", kPlainField, make_created},
    {"auto", "firstidentifiedvisit", kTime, "First Identified Visit", kUnlistedField | kSingleField, make_first_visit},
    {"auto", "firstvisit", kTime, "First Visit", kSampledField, make_first_visit},
    {"auto", "id", kText, "Visitor ID", kSampledField, make_id},
    {"auto", "idhash", kInt, "", kUnlistedField, make_id_hash},
    {"auto", "lastbrowsername", kText, "Last Browser Name", kPlainField, make_browser},
    {"auto", "lastbrowserversion", kText, "Last Browser Version", kPlainField, make_browser_version},
    {"auto", "lastoperatingsystem", kText, "Last Operating System", kPlainField, make_system},
    {"auto", "lastservername", kText, "Last Server Name", kPlainField, make_server},
    {"auto", "lastupdated", kTime, "", kUnlistedField, make_last_updated},
    {"auto", "lastuseragent", kText, "", kUnlistedField, make_user_agent},
    {"auto", "lastvisit", kTime, "Last Visit", kSampledField, make_last_visit},
    {"auto", "nid", kInt, "", kUnlistedField, make_nid},

    {"auto_6561780136607744", "firstvisit", kTime, "", kUnlistedField | kPerAppField, make_second_app_first_visit},
    {"auto_6561780136607744", "lastvisit", kTime, "", kUnlistedField | kPerAppField, make_second_app_last_visit},

    {"auto__323232", "firstvisit", kTime, "", kUnlistedField | kPerAppField, make_first_visit},
    {"auto__323232", "lastmetadataupdate_agent", kTime, "", kUnlistedField | kPerAppField, make_metadata_update},
    {"auto__323232", "lastupdated", kTime, "", kUnlistedField | kPerAppField, make_last_updated},
    {"auto__323232", "lastvisit", kTime, "", kUnlistedField | kPerAppField, make_last_visit},

    {"custom", "active", kBool, "Active", kSampledField, make_active},
    {"custom", "legacyplan", kText, "Legacy Plan", kDeletedField, make_nothing},
    {"custom", "notes", "", "Notes", kPlainField, make_notes},
    {"custom", "plan", kText, "Plan", kSampledField, make_plan},
    {"custom", "renewal", kTime, "Renewal", kSampledField, make_renewal},
    {"custom", "score", "float", "Score", kSampledField, make_score},
    {"custom", "seats", kInt, "Seats", kSampledField, make_seats},
    {"custom", "tags", "list", "Tags", kSampledField, make_tags},

    {"pendo", "blacklistguides", kBool, "Blacklist Guides", kPlainField, make_nothing},
    {"pendo", "designerenabled", kBool, "Designer Enabled", kPlainField, make_nothing},
    {"pendo", "donotprocess", kBool, "Do Not Process", kPlainField, make_process_flag},
    {"pendo", "integrationsource", kText, "Integration Source", kPlainField, make_integration_source},

    {"salesforce", "account_id_pendo__c", kText, "Account ID (Pendo)", kPlainField, make_salesforce_account},
    {"salesforce", "email", kText, "Email", kPlainField, make_salesforce_email},
};

constexpr Field kAccountFields[] = {
    {"agent", "email", kText, "Email", kSampledField, make_email},
    {"agent", "internalcode", kInt, "Internal Code", kHiddenField, make_internal_code},
    {"agent", "name", kText, "Name", kSampledField, make_name},
    {"agent", "role", kText, "Role", kPlainField, make_role},

    {"auto", "firstvisit", kTime, "First Visit", kSampledField, make_first_visit},
    {"auto", "id", kText, "Account ID", kSampledField, make_id},
    {"auto", "idhash", kInt, "", kUnlistedField, make_id_hash},
    {"auto", "lastupdated", kTime, "", kUnlistedField, make_last_updated},
    {"auto", "lastvisit", kTime, "Last Visit", kSampledField, make_last_visit},
    {"auto", "nid", kInt, "", kUnlistedField, make_nid},

    {"auto__323232", "firstvisit", kTime, "", kUnlistedField | kPerAppField, make_first_visit},
    {"auto__323232", "lastupdated", kTime, "", kUnlistedField | kPerAppField, make_last_updated},
    {"auto__323232", "lastvisit", kTime, "", kUnlistedField | kPerAppField, make_last_visit},

    {"custom", "active", kBool, "Active", kSampledField, make_active},
    {"custom", "legacyplan", kText, "Legacy Plan", kDeletedField, make_nothing},
    {"custom", "notes", "", "Notes", kPlainField, make_notes},
    {"custom", "plan", kText, "Plan", kSampledField, make_plan},
    {"custom", "renewal", kTime, "Renewal", kSampledField, make_renewal},
    {"custom", "score", "float", "Score", kSampledField, make_score},
    {"custom", "seats", kInt, "Seats", kSampledField, make_seats},
    {"custom", "tags", "list", "Tags", kSampledField, make_tags},

    {"pendo", "description", kText, "Description", kPlainField, make_description},
    {"pendo", "donotprocess", kBool, "Do Not Process", kPlainField, make_nothing},
    {"pendo", "integrationsource", kText, "Integration Source", kPlainField, make_integration_source},

    {"salesforce", "account_id_pendo__c", kText, "Account ID (Pendo)", kPlainField, make_salesforce_account},
};

}  // namespace

std::span<const Field> fields(Kind kind) {
  if (kind == Kind::kVisitor) return kVisitorFields;
  return kAccountFields;
}

bool RecordSeed::anonymous() const {
  return kind == Kind::kVisitor && (place.origin == Origin::kAnonymous || id == "VISITOR-UNIQUE-ID");
}

std::uint64_t RecordSeed::bits(std::uint64_t subject) const {
  std::uint64_t record = options.seed * 8 + static_cast<std::uint64_t>(kind) * 4 + static_cast<std::uint64_t>(place.origin);
  return mix(mix(record, static_cast<std::uint64_t>(place.number)) ^ (subject * 0x9E3779B97F4A7C15ULL));
}

}  // namespace simulator
