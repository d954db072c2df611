// How the value of each generated field is made from the record's seed.
#pragma once

#include "fields.h"

namespace simulator {

Value make_id(const RecordSeed& seed);
Value make_id_hash(const RecordSeed& seed);
Value make_nid(const RecordSeed& seed);
Value make_account_id(const RecordSeed& seed);
Value make_account_ids(const RecordSeed& seed);
Value make_created(const RecordSeed& seed);
Value make_first_visit(const RecordSeed& seed);
Value make_last_visit(const RecordSeed& seed);
Value make_last_updated(const RecordSeed& seed);
Value make_browser(const RecordSeed& seed);
Value make_browser_version(const RecordSeed& seed);
Value make_system(const RecordSeed& seed);
Value make_server(const RecordSeed& seed);
Value make_user_agent(const RecordSeed& seed);
Value make_metadata_update(const RecordSeed& seed);
Value make_second_app_first_visit(const RecordSeed& seed);
Value make_second_app_last_visit(const RecordSeed& seed);

Value make_email(const RecordSeed& seed);
Value make_name(const RecordSeed& seed);
Value make_role(const RecordSeed& seed);
Value make_language(const RecordSeed& seed);
Value make_internal_code(const RecordSeed& seed);

Value make_plan(const RecordSeed& seed);
Value make_seats(const RecordSeed& seed);
Value make_score(const RecordSeed& seed);
Value make_active(const RecordSeed& seed);
Value make_renewal(const RecordSeed& seed);
Value make_tags(const RecordSeed& seed);
Value make_notes(const RecordSeed& seed);

Value make_process_flag(const RecordSeed& seed);
Value make_integration_source(const RecordSeed& seed);
Value make_description(const RecordSeed& seed);
Value make_salesforce_account(const RecordSeed& seed);
Value make_salesforce_email(const RecordSeed& seed);

Value make_nothing(const RecordSeed& seed);

}  // namespace simulator
