// Which columns a query needs of a foreign table. A keyed UPDATE that needs
// nothing but the key reads no record at all.
#include "fdw/plan.h"

extern "C" {
#include "commands/trigger.h"
}

namespace {

constexpr int kOffset = -FirstLowInvalidHeapAttributeNumber;
constexpr int kWholeRow = 0 + kOffset;

bool is_target(const PlannerInfo* root, const RelOptInfo* rel) {
  bool writes = root->parse->commandType == CMD_UPDATE || root->parse->commandType == CMD_DELETE;
  return writes && static_cast<int>(rel->relid) == root->parse->resultRelation;
}

// Core adds the whole row of an UPDATE's target as a bare junk Var, since a
// wrapper may need it. This one needs the SET columns and the key only.
bool is_cores_whole_row(const TargetEntry* entry, Index relid) {
  if (!entry->resjunk || !entry->resname || strcmp(entry->resname, "wholerow") != 0) return false;
  auto* var = reinterpret_cast<const Var*>(entry->expr);
  return IsA(var, Var) && var->varno == static_cast<int>(relid) && var->varattno == 0;
}

Bitmapset* add_targets(Bitmapset* needed, List* targets, Index relid) {
  ListCell* cell;
  foreach (cell, targets) {
    auto* entry = lfirst_node(TargetEntry, cell);
    if (!is_cores_whole_row(entry, relid)) pull_varattnos(reinterpret_cast<Node*>(entry->expr), relid, &needed);
  }
  return needed;
}

Bitmapset* add_clauses(Bitmapset* needed, List* clauses, Index relid) {
  ListCell* cell;
  foreach (cell, clauses) {
    pull_varattnos(reinterpret_cast<Node*>(lfirst_node(RestrictInfo, cell)->clause), relid, &needed);
  }
  return needed;
}

// Uses above the scan that no target or clause of it shows: joins by
// equivalence classes, placeholders, LATERAL. Member 0 stands for the targets.
Bitmapset* add_uses_above(Bitmapset* needed, const RelOptInfo* rel) {
  for (int att = rel->min_attr; att <= rel->max_attr; ++att) {
    Bitmapset* above = bms_copy(rel->attr_needed[att - rel->min_attr]);
    above = bms_del_member(above, 0);
    if (!bms_is_empty(above)) needed = bms_add_member(needed, att + kOffset);
    bms_free(above);
  }
  return needed;
}

bool has_row_trigger(const TriggerDesc* triggers) {
  return triggers && (triggers->trig_update_before_row || triggers->trig_update_after_row ||
                      triggers->trig_update_instead_row || triggers->trig_update_new_table ||
                      triggers->trig_update_old_table || triggers->trig_delete_before_row ||
                      triggers->trig_delete_after_row);
}

// Why the relation itself rules out an UPDATE without reading, or nullptr.
const char* relation_needs_rows(const PlannerInfo* root, const RelOptInfo* rel, Oid relid, bool* needs_all) {
  *needs_all = false;
  Relation relation = table_open(relid, NoLock);
  bool triggers = has_row_trigger(relation->trigdesc);
  bool generated = relation->rd_att->constr && relation->rd_att->constr->has_generated_stored;
  bool partition = relation->rd_rel->relispartition;
  table_close(relation, NoLock);
  *needs_all = triggers || generated;
  if (triggers) return "a row trigger needs the old row";
  if (generated) return "a generated column is computed from the old row";
  if (partition || rel->reloptkind != RELOPT_BASEREL || bms_membership(root->all_result_relids) == BMS_MULTIPLE) {
    return "the table is a partition or has a parent, so other rows' keys must be kept out";
  }
  return nullptr;
}

// RETURNING may ask for the key and for what was SET, whose values are known.
bool returning_needs_rows(PlannerInfo* root, RelOptInfo* rel, AttrNumber key) {
  Bitmapset* used = nullptr;
  auto* returning = reinterpret_cast<Node*>(root->parse->returningList);
  pull_varattnos(returning, rel->relid, &used);
  if (bms_is_empty(used)) return false;
  if (pendo_returning_needs_old(returning)) return true;
  Bitmapset* known = bms_copy(pendo_updated_columns(root, rel));
  known = bms_add_member(known, key + kOffset);
  known = bms_add_member(known, TableOidAttributeNumber + kOffset);
  return !bms_is_subset(used, known);
}

// A name of a needed column other than the key, for EXPLAIN.
const char* other_column(const PendoTable* table, Bitmapset* needed) {
  Bitmapset* others = bms_copy(needed);
  others = bms_del_member(others, table->key + kOffset);
  others = bms_del_member(others, TableOidAttributeNumber + kOffset);
  int member = bms_next_member(others, -1);
  if (member < 0) return nullptr;
  AttrNumber attno = static_cast<AttrNumber>(member - kOffset);
  return attno > 0 ? psprintf("the statement needs the old value of column %s",
                              quote_identifier(pendo_column(table, attno)->name))
                   : "the statement needs the whole old row";
}

// Those that are SET. What PostgreSQL computes from them is in no record.
Bitmapset* columns_to_compare(PlannerInfo* root, RelOptInfo* rel, const PendoTable* table) {
  Bitmapset* columns = bms_copy(pendo_updated_columns(root, rel));
  for (int i = 0; i < table->ncolumns; ++i) {
    if (table->columns[i].generated) columns = bms_del_member(columns, i + 1 + kOffset);
  }
  return columns;
}

void find_target_needs(PlannerInfo* root, RelOptInfo* rel, PendoRelState* state) {
  const PendoTable* table = state->table;
  Index relid = rel->relid;
  bool needs_all = false;
  const char* relation_why = relation_needs_rows(root, rel, table->relid, &needs_all);
  Bitmapset* needed = add_targets(nullptr, root->processed_tlist, relid);
  needed = add_clauses(needed, rel->baserestrictinfo, relid);
  needed = add_clauses(needed, rel->joininfo, relid);
  needed = add_uses_above(needed, rel);
  const char* why = other_column(table, needed);
  bool compares = pendo_compares_first(table->options);
  if (compares) needed = bms_add_members(needed, columns_to_compare(root, rel, table));
  if (!why && compares) why = "only what differs from the values in Pendo will be sent";
  if (!why && returning_needs_rows(root, rel, table->key)) why = "RETURNING needs columns that are not SET";
  if (!why && root->parse->withCheckOptions) why = "a view's CHECK OPTION is tested on the whole row";
  pull_varattnos(reinterpret_cast<Node*>(root->parse->returningList), relid, &needed);
  pull_varattnos(reinterpret_cast<Node*>(root->parse->withCheckOptions), relid, &needed);
  needed = bms_add_member(needed, table->key + kOffset);
  if (needs_all) needed = bms_add_member(needed, kWholeRow);
  state->needed = needed;
  state->why_reads = relation_why ? relation_why : why;
  state->blind = !state->why_reads;
}

}  // namespace

void pendo_find_needs(PlannerInfo* root, RelOptInfo* rel, PendoRelState* state) {
  if (is_target(root, rel) && state->table->key) {
    find_target_needs(root, rel, state);
    return;
  }
  pull_varattnos(reinterpret_cast<Node*>(rel->reltarget->exprs), rel->relid, &state->needed);
  state->needed = add_clauses(state->needed, rel->baserestrictinfo, rel->relid);
}
