// From catalog to columns.
#include "fdw/table.h"

#include <string_view>

extern "C" {
#include "common/hashfn.h"
}

namespace {

char* text_of(std::string_view text) { return pnstrdup(text.data(), text.size()); }

DefElem* column_option(Oid relid, AttrNumber attno, const char* name) {
  ListCell* cell;
  foreach (cell, GetForeignColumnOptions(relid, attno)) {
    auto* def = lfirst_node(DefElem, cell);
    if (strcmp(def->defname, name) == 0) return def;
  }
  return nullptr;
}

bool json_type_of(Oid type, pendo::ColumnType* result) {
  switch (type) {
    case TEXTOID:
    case VARCHAROID: *result = pendo::ColumnType::kText; return true;
    case BOOLOID: *result = pendo::ColumnType::kBool; return true;
    case INT2OID:
    case INT4OID:
    case INT8OID: *result = pendo::ColumnType::kInt; return true;
    case FLOAT4OID:
    case FLOAT8OID: *result = pendo::ColumnType::kFloat; return true;
    case NUMERICOID: *result = pendo::ColumnType::kNumber; return true;
    case TIMESTAMPTZOID: *result = pendo::ColumnType::kTime; return true;
    case JSONOID:
    case JSONBOID: *result = pendo::ColumnType::kJson; return true;
    default: return false;
  }
}

void set_type(const PendoTable* table, PendoColumn* column, Oid type, int32 typmod) {
  column->typmod = typmod;
  column->type = getBaseTypeAndTypmod(type, &column->typmod);
  column->domain = column->type == type ? InvalidOid : type;
  if (json_type_of(column->type, &column->json_type)) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
                  errmsg("column \"%s\" of %s has type %s, which Pendo's values do not convert to", column->name,
                         table->name, format_type_be(type)),
                  errhint("Use text, varchar, boolean, smallint, integer, bigint, real, double precision, numeric, "
                          "timestamptz, jsonb or json.")));
}

// A metadata field: "custom.plan" lies at metadata.custom.plan of the row.
void set_metadata_path(PendoColumn* column, const char* group_and_field) {
  const char* dot = strchr(group_and_field, '.');
  column->group = pnstrdup(group_and_field, static_cast<Size>(dot - group_and_field));
  column->field = pstrdup(dot + 1);
  column->path = psprintf("metadata.%s", group_and_field);
}

bool has_path(const pendo::ObjectDescriptor& object, const char* path) {
  for (const auto& standard : object.columns) {
    if (standard.path == path) return true;
  }
  return false;
}

// Columns without the option: the standard ones by their name, others of
// visitors and accounts as <group>_<field>.
bool set_path_by_name(const PendoTable* table, PendoColumn* column) {
  const auto* standard = pendo::find_standard_column(*table->object, column->name);
  if (standard) {
    column->path = text_of(standard->path);
    return true;
  }
  if (table->object->kind.empty()) return false;
  static const char* const groups[] = {"agent", "auto", "custom", "pendo", "salesforce", "hubspot", "segmentio"};
  for (const char* group : groups) {
    size_t length = strlen(group);
    if (strncmp(column->name, group, length) != 0 || column->name[length] != '_' || !column->name[length + 1]) continue;
    if (column->name[length + 1] == '_' && strcmp(group, "auto") == 0) continue;  // auto__323232: a per-app group
    set_metadata_path(column, psprintf("%s.%s", group, column->name + length + 1));
    return true;
  }
  return false;
}

void set_path(const PendoTable* table, PendoColumn* column) {
  DefElem* path = column_option(table->relid, column->attno, "path");
  const char* option = path ? defGetString(path) : nullptr;
  if (!option) {
    if (set_path_by_name(table, column)) return;
    ereport(ERROR, (errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
                    errmsg("column \"%s\" of %s has no path into Pendo's data", column->name, table->name),
                    errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s OPTIONS (ADD path 'custom.<field>');", table->name,
                            quote_identifier(column->name))));
  }
  if (has_path(*table->object, option)) {
    column->path = pstrdup(option);
    return;
  }
  if (!table->object->kind.empty() && strchr(option, '.') && *option != '.' && strchr(option, '.')[1]) {
    set_metadata_path(column, option);
    return;
  }
  ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                  errmsg("path \"%s\" of column \"%s\" of %s leads nowhere", option, column->name, table->name),
                  errhint(table->object->kind.empty() ? "Use the path of a standard column; IMPORT FOREIGN SCHEMA makes a table with all of them."
                                                      : "Use '<group>.<field>', as in 'custom.plan'.")));
}

// What is sent must be of the type that Pendo takes: text would be a string
// where an object or a number is wanted.
void check_event_type(const PendoTable* table, const PendoColumn* column) {
  if (table->object->write != pendo::WriteCall::kTrackEvent) return;
  for (const auto& standard : table->object->columns) {
    if (standard.path != column->path || standard.type == column->json_type) continue;
    const char* wanted = standard.type == pendo::ColumnType::kTime ? "timestamptz" : standard.type == pendo::ColumnType::kJson ? "jsonb" : "text";
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
                    errmsg("column \"%s\" of %s must be of type %s", column->name, table->name, wanted),
                    errhint("ALTER FOREIGN TABLE %s ALTER COLUMN %s TYPE %s;", table->name, quote_identifier(column->name), wanted)));
  }
}

// "auto", or that of an app: auto_6561780136607744, auto__323232.
bool is_auto_group(const char* group) {
  if (strcmp(group, "auto") == 0) return true;
  return strncmp(group, "auto_", 5) == 0 && group[strspn(group + 5, "_0123456789") + 5] == '\0';
}

// Pendo itself keeps the times of the auto groups, and every id is text. Of
// other fields it does not enforce the type; the owner may promise it.
bool is_kept_by_pendo(const PendoColumn* column) {
  bool own_time = column->group && is_auto_group(column->group) && column->json_type == pendo::ColumnType::kTime &&
                  column->typmod < 0;
  return column->is_key || own_time;
}

bool is_promised(const PendoTable* table, const PendoColumn* column) {
  DefElem* option = column_option(table->relid, column->attno, "strict_type");
  return option && defGetBoolean(option);
}

constexpr const char* kDayPath = "day";
constexpr const char* kHourPath = "hour";

// Counts have their period's beginning under the period's name. It is asked for
// by a window, and events by the ids of their types.
void set_counts_path(const PendoTable* table, PendoColumn* column) {
  column->in_rows = true;
  if (table->object->read != pendo::ReadCall::kEventCounts) return;
  bool is_beginning = strcmp(column->path, kDayPath) == 0;
  if (is_beginning && table->options.by_hour) column->path = kHourPath;
  column->in_rows = !is_beginning && strcmp(column->path, "event") != 0;
}

void set_column(PendoTable* table, Form_pg_attribute attribute) {
  PendoColumn* column = &table->columns[attribute->attnum - 1];
  column->attno = attribute->attnum;
  column->name = pstrdup(NameStr(attribute->attname));
  set_path(table, column);
  set_counts_path(table, column);
  set_type(table, column, attribute->atttypid, attribute->atttypmod);
  column->collation = attribute->attcollation;
  check_event_type(table, column);
  column->is_key = !table->object->key_field.empty() && table->object->key_field == column->path;
  column->promised = is_promised(table, column);
  column->strict = column->promised || is_kept_by_pendo(column);
  if (!column->is_key) return;
  if (table->key) {
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                    errmsg("%s has two columns with path \"%s\"", table->name, column->path),
                    errhint("Keep one key column.")));
  }
  if (column->json_type != pendo::ColumnType::kText) {
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
                    errmsg("key column \"%s\" of %s must be of type text or varchar", column->name, table->name)));
  }
  table->key = column->attno;
}

}  // namespace

const pendo::ObjectDescriptor* pendo_object_of(ForeignTable* foreign) {
  ListCell* cell;
  foreach (cell, foreign->options) {
    auto* def = lfirst_node(DefElem, cell);
    if (strcmp(def->defname, "object") == 0) return pendo::find_object(defGetString(def));
  }
  return nullptr;
}

PendoTable* pendo_table(Oid relid, Oid user) {
  ForeignTable* foreign = GetForeignTable(relid);
  auto* table = static_cast<PendoTable*>(palloc0(sizeof(PendoTable)));
  table->relid = relid;
  table->server = foreign->serverid;
  table->user = OidIsValid(user) ? user : GetUserId();
  table->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
  table->object = pendo_object_of(foreign);
  if (!table->object) {
    ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("%s has no option \"object\"", table->name),
                    errhint("ALTER FOREIGN TABLE %s OPTIONS (ADD object 'visitors');", table->name)));
  }
  table->options = pendo_table_options(foreign, table->user);
  Relation relation = table_open(relid, NoLock);
  TupleDesc desc = RelationGetDescr(relation);
  table->ncolumns = desc->natts;
  table->columns = static_cast<PendoColumn*>(palloc0(sizeof(PendoColumn) * static_cast<Size>(Max(desc->natts, 1))));
  for (int i = 0; i < desc->natts; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(desc, i);
    // what PostgreSQL computes itself has nothing to do with Pendo
    if (attribute->attgenerated) {
      table->columns[i].generated = true;
      table->columns[i].name = pstrdup(NameStr(attribute->attname));
    } else if (!attribute->attisdropped) {
      set_column(table, attribute);
    }
  }
  table_close(relation, NoLock);
  return table;
}

const PendoColumn* pendo_find_path(const PendoTable* table, const char* path) {
  for (int i = 0; i < table->ncolumns; ++i) {
    const PendoColumn* column = &table->columns[i];
    if (column->attno && strcmp(column->path, path) == 0) return column;
  }
  return nullptr;
}

static uint64 hash_of(const void* bytes, Size size) {
  return hash_bytes_extended(static_cast<const unsigned char*>(bytes), static_cast<int>(size), 0);
}

static uint64 version_of_text(uint64 version, const char* text) { return hash_combine64(version, text ? hash_of(text, strlen(text)) : 0); }

// The options in a row of the catalog, which is given back.
static uint64 version_with(uint64 version, SysCacheIdentifier cache, HeapTuple row, AttrNumber options) {
  if (!HeapTupleIsValid(row)) return version;
  bool isnull = false;
  Datum list = SysCacheGetAttr(cache, row, options, &isnull);
  if (!isnull) {
    auto* bytes = PG_DETOAST_DATUM(list);
    version = hash_combine64(version, hash_of(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ));
  }
  ReleaseSysCache(row);
  return hash_combine64(version, isnull ? 1 : 2);
}

static uint64 column_version(uint64 version, Oid relid, int16 attno) {
  HeapTuple row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attno));
  if (!HeapTupleIsValid(row)) return version;
  auto* column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row));
  version = hash_combine64(version, hash_of(&column->atttypid, sizeof(column->atttypid)));
  version = hash_combine64(version, hash_of(&column->atttypmod, sizeof(column->atttypmod)));
  version = hash_combine64(version, hash_combine64(column->attcollation, static_cast<unsigned char>(column->attgenerated)));
  version = version_of_text(version, NameStr(column->attname));
  return version_with(version, ATTNUM, row, Anum_pg_attribute_attfdwoptions);
}

static uint64 server_version(uint64 version, Oid server) {
  HeapTuple row = SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(server));
  if (!HeapTupleIsValid(row)) return version;
  version = version_of_text(version, NameStr(reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(row))->srvname));
  return version_with(version, FOREIGNSERVEROID, row, Anum_pg_foreign_server_srvoptions);
}

uint64 pendo_table_version(Oid relid, Oid user) {
  Oid server = GetForeignTable(relid)->serverid;
  uint64 version = server_version(0, server);
  version = version_with(version, FOREIGNTABLEREL, SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid)), Anum_pg_foreign_table_ftoptions);
  HeapTuple mapping = pendo_mapping_row(server, user);
  if (HeapTupleIsValid(mapping)) version = hash_combine64(version, reinterpret_cast<Form_pg_user_mapping>(GETSTRUCT(mapping))->umuser);
  version = version_of_text(version, GetUserNameFromId(user, true));
  version = version_with(version, USERMAPPINGUSERSERVER, mapping, Anum_pg_user_mapping_umoptions);
  HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
  if (!HeapTupleIsValid(relation)) return version;
  auto* form = reinterpret_cast<Form_pg_class>(GETSTRUCT(relation));
  version = version_of_text(version_of_text(version, NameStr(form->relname)), get_namespace_name(form->relnamespace));
  int columns = form->relnatts;
  ReleaseSysCache(relation);
  for (int attno = 1; attno <= columns; ++attno) version = column_version(version, relid, static_cast<int16>(attno));
  return version;
}
