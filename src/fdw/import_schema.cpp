// IMPORT FOREIGN SCHEMA: tables from descriptors, columns from the metadata
// schema of the subscription.
#include "bridge/open.h"
#include "core/pipeline.h"
#include "fdw/import_schema.h"
#include "fdw/options.h"
#include "fdw/session.h"

namespace {

struct ImportColumn {
  char* name;
  char* path;  // as in the column option
  pendo::ColumnType type;
  bool hashed;
};

struct ImportTable {
  const pendo::ObjectDescriptor* object;
  int count;
  int room;
  ImportColumn* columns;
};

char* text_of(std::string_view text) { return pnstrdup(text.data(), text.size()); }

char* text_of(const std::string& text) { return pg_any_to_server(pnstrdup(text.data(), text.size()), static_cast<int>(text.size()), PG_UTF8); }

const char* sql_type(pendo::ColumnType type) {
  switch (type) {
    case pendo::ColumnType::kText: return "text";
    case pendo::ColumnType::kBool: return "boolean";
    case pendo::ColumnType::kInt: return "bigint";
    case pendo::ColumnType::kFloat: return "double precision";
    case pendo::ColumnType::kNumber: return "numeric";
    case pendo::ColumnType::kTime: return "timestamptz";
    case pendo::ColumnType::kJson: return "jsonb";
  }
  return "jsonb";
}

void add_column(ImportTable* table, char* name, char* path, pendo::ColumnType type) {
  if (table->count == table->room) {
    table->room = Max(64, table->room * 2);
    Size bytes = sizeof(ImportColumn) * static_cast<Size>(table->room);
    table->columns = static_cast<ImportColumn*>(table->columns ? repalloc(table->columns, bytes) : palloc(bytes));
  }
  table->columns[table->count++] = {name, path, type, false};
}

bool has_path(const ImportTable* table, const char* path) {
  for (int i = 0; i < table->count; ++i) {
    if (strcmp(table->columns[i].path, path) == 0) return true;
  }
  return false;
}

// Sooner than PostgreSQL would: a schema may have a hundred thousand.
void refuse_too_many(const ImportTable* table) {
  if (table->count < MaxHeapAttributeNumber) return;
  ereport(ERROR, (errcode(ERRCODE_TOO_MANY_COLUMNS),
                  errmsg("Pendo has more fields of %s than a table can have columns", text_of(table->object->name)),
                  errdetail("A table can have %d columns.", MaxHeapAttributeNumber),
                  errhint("Name the groups of fields that you need: IMPORT FOREIGN SCHEMA ... OPTIONS (groups 'custom,agent').")));
}

bool group_wanted(const PendoImportOptions& options, const char* group) {
  if (options.groups == NIL) return true;
  ListCell* cell;
  foreach (cell, options.groups) {
    if (strcmp(static_cast<char*>(lfirst(cell)), group) == 0) return true;
  }
  return false;
}

void add_field(ImportTable* table, const PendoImportOptions& options, char* group, char* field, pendo::ColumnType type) {
  if (!group_wanted(options, group)) return;
  char* path = psprintf("%s.%s", group, field);
  if (has_path(table, path)) return;
  if (!pendo::is_plain_path(path)) {
    ereport(NOTICE, (errmsg("field \"%s\" is left out: its name cannot be written in a query to Pendo", path),
                     errhint("It is in the column metadata.")));
    return;
  }
  refuse_too_many(table);
  add_column(table, psprintf("%s_%s", group, field), path, type);
}

void add_metadata(ImportTable* table, ForeignServer* server, const PendoOptions& server_options, const PendoImportOptions& options) {
  auto* box = pendo_box<pendo::SchemaFetch>(CurrentMemoryContext);
  PendoClientRef* client = pendo_session_client(server->serverid, GetUserId(), server_options);
  pendo_open_schema(box, client, text_of(table->object->kind), server_options.call);
  pendo::SchemaFetch* schema = box->get();
  pendo_drive(schema, [=]() { return schema->run(); });
  for (const pendo::SchemaField& field : schema->fields()) {
    if (field.hidden && !options.include_hidden) continue;
    if (field.deleted && !options.include_deleted) continue;
    add_field(table, options, text_of(field.group), text_of(field.field), pendo::column_type_of_field(field.type));
  }
  box->object.reset();
  for (const pendo::UnlistedField& field : table->object->unlisted) {
    add_field(table, options, text_of(field.group), text_of(field.field), field.type);
  }
}

void add_standard(ImportTable* table) {
  for (const pendo::StandardColumn& column : table->object->columns) {
    add_column(table, text_of(column.name), text_of(column.path), column.type);
  }
}

// 8 hexadecimal digits of the path's sha256.
char* path_hash(const char* path) {
  Datum bytes = PointerGetDatum(cstring_to_text(path));
  bytea* hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, bytes));
  auto* b = reinterpret_cast<unsigned char*>(VARDATA_ANY(hash));
  return psprintf("%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
}

int compare_names(const void* a, const void* b) {
  return strcmp((*static_cast<ImportColumn* const*>(a))->name, (*static_cast<ImportColumn* const*>(b))->name);
}

// Every one of several columns of a name gets the hash, so that no name
// depends on which other field was there first.
void make_names_unique(ImportTable* table, int standard) {
  auto** sorted = static_cast<ImportColumn**>(palloc(sizeof(ImportColumn*) * static_cast<Size>(Max(table->count, 1))));
  for (int i = 0; i < table->count; ++i) sorted[i] = &table->columns[i];
  qsort(sorted, static_cast<Size>(table->count), sizeof(ImportColumn*), compare_names);
  for (int i = 1; i < table->count; ++i) {
    if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) sorted[i - 1]->hashed = sorted[i]->hashed = true;
  }
  for (int i = standard; i < table->count; ++i) {
    ImportColumn* column = &table->columns[i];
    int length = static_cast<int>(strlen(column->name));
    if (!column->hashed && length < NAMEDATALEN) continue;
    constexpr int kHashBytes = 9;
    int kept = pg_mbcliplen(column->name, length, NAMEDATALEN - 1 - kHashBytes);
    column->name = psprintf("%.*s_%s", kept, column->name, path_hash(column->path));
  }
}

char* create_statement(const ImportTable* table, const char* server, const PendoImportOptions& options) {
  StringInfoData sql;
  initStringInfo(&sql);
  char* name = text_of(table->object->name);
  appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(name));
  for (int i = 0; i < table->count; ++i) {
    const ImportColumn* column = &table->columns[i];
    appendStringInfo(&sql, "%s\n  %s %s OPTIONS (path %s)", i ? "," : "", quote_identifier(column->name),
                     sql_type(column->type), quote_literal_cstr(column->path));
  }
  appendStringInfo(&sql, "\n) SERVER %s OPTIONS (object %s", quote_identifier(server), quote_literal_cstr(name));
  bool reads = table->object->read != pendo::ReadCall::kNone;
  if (options.on_bad_value && reads) appendStringInfo(&sql, ", on_bad_value %s", quote_literal_cstr(options.on_bad_value));
  appendStringInfoString(&sql, ")");
  return sql.data;
}

// Core filters what we return; asked here too, so that no schema is fetched
// for a table that is not wanted.
bool is_wanted(const ImportForeignSchemaStmt* stmt, const char* name) {
  if (stmt->list_type == FDW_IMPORT_SCHEMA_ALL) return true;
  bool listed = false;
  ListCell* cell;
  foreach (cell, stmt->table_list) listed = listed || strcmp(lfirst_node(RangeVar, cell)->relname, name) == 0;
  return listed == (stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
}

void check_remote_schema(const ImportForeignSchemaStmt* stmt) {
  if (strcmp(stmt->remote_schema, "pendo") == 0) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND), errmsg("there is no schema \"%s\" in Pendo", stmt->remote_schema),
                  errhint("IMPORT FOREIGN SCHEMA pendo FROM SERVER %s INTO %s;", quote_identifier(stmt->server_name),
                          quote_identifier(stmt->local_schema))));
}

void check_limit(const ImportForeignSchemaStmt* stmt) {
  if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO) return;
  ListCell* cell;
  foreach (cell, stmt->table_list) {
    const char* name = lfirst_node(RangeVar, cell)->relname;
    if (pendo::find_object(name)) continue;
    ereport(ERROR, (errcode(ERRCODE_FDW_TABLE_NOT_FOUND), errmsg("there is no table \"%s\" to import", name),
                    errhint("There are visitors, accounts, track_events and track_event_counts.")));
  }
}

}  // namespace

List* pendoImportForeignSchema(ImportForeignSchemaStmt* stmt, Oid serverid) {
  check_remote_schema(stmt);
  check_limit(stmt);
  PendoImportOptions options = pendo_import_options(stmt->options);
  ForeignServer* server = GetForeignServer(serverid);
  PendoOptions server_options = pendo_server_options(server, GetUserId());
  List* statements = NIL;
  for (const pendo::ObjectDescriptor& object : pendo::all_objects()) {
    if (!is_wanted(stmt, text_of(object.name))) continue;
    ImportTable table = {&object, 0, 0, nullptr};
    add_standard(&table);
    int standard = table.count;
    if (!object.kind.empty()) add_metadata(&table, server, server_options, options);
    make_names_unique(&table, standard);
    statements = lappend(statements, create_statement(&table, server->servername, options));
  }
  return statements;
}
