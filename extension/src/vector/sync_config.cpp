// See sync_config.hpp. Strings that a PostgreSQL error could jump over live in objects that the
// caller owns, never on the stack here.
#include <nlohmann/json.hpp>

#include "vector/sync_config.hpp"

#include "session/statement.hpp"
#include "vector/row_key.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_operator.h"
}

namespace stash {
namespace {

#define SYNC_COLUMNS                                                                    \
  "SELECT s.id, s.relation::oid, s.collection, s.embeddings::text, s.properties::text," \
  " s.tenant_column, s.options::text, s.key_space::text, s.paused FROM stash.vector_sync AS s"

statement all_syncs{SYNC_COLUMNS " ORDER BY s.id", 0, {}};
statement sync_of_relation{
    SYNC_COLUMNS
    " WHERE s.relation OPERATOR(pg_catalog.=) $1"
    " AND ($2 IS NULL OR s.collection OPERATOR(pg_catalog.=) $2)"
    " AND ($3 IS NULL OR s.embeddings OPERATOR(pg_catalog.@>)"
    " pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('column', $3)))"
    " ORDER BY s.id LIMIT 1",
    3,
    {OIDOID, TEXTOID, TEXTOID}};

#undef SYNC_COLUMNS

const char* text_result(std::uint64_t row, int column) {
  bool null = false;
  const Datum value = result(row, column, &null);
  return null ? "" : TextDatumGetCString(value);
}

// Nothing of PostgreSQL in here, so exceptions are fine.
void parse_json(const char* embeddings, const char* properties, const char* options,
                sync_config* config) {
  using nlohmann::json;
  for (const json& each : json::parse(embeddings))
    config->vectors.push_back({each.at("column").get<std::string>(),
                               each.at("name").is_null() ? "" : each.at("name").get<std::string>(),
                               each.value("dimensions", 0)});
  for (const json& each : json::parse(properties))
    config->properties.push_back({each.at("column").get<std::string>(),
                                  each.at("name").get<std::string>(),
                                  each.at("type").get<std::string>()});
  const json given = json::parse(options);
  config->distance = given.value("distance", "cosine");
  config->index = given.value("index", "hnsw");
  config->consistency = given.value("consistency", "QUORUM");
  config->replication_factor = given.value("replication_factor", 1);
  config->backfill = given.value("backfill", true);
  config->one_length = given.contains("dimensions");
  if (config->one_length) config->vectors.at(0).dimensions = given.at("dimensions").get<int>();
}

bool has_column(Relation open, const std::string& name) {
  const int number = SPI_fnumber(RelationGetDescr(open), name.c_str());
  return number > 0;
}

bool is_array_column(Relation open, const std::string& name) {
  const int number = SPI_fnumber(RelationGetDescr(open), name.c_str());
  if (number <= 0) return true;
  const Oid type = getBaseType(TupleDescAttr(RelationGetDescr(open), number - 1)->atttypid);
  return type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID;
}

void look_for_columns(Relation open, sync_config* config) {
  const auto miss = [&](const std::string& name) {
    if (config->problem.empty() && !has_column(open, name))
      config->problem = "column \"" + name + "\" does not exist";
  };
  for (vector_column& each : config->vectors) {
    miss(each.column);
    each.cast = !is_array_column(open, each.column);
  }
  for (const property_column& each : config->properties) miss(each.column);
  if (!config->tenant_column.empty()) miss(config->tenant_column);
}

// Where the operators of the primary key's index lie: an extension's type has its own elsewhere.
const char* operator_schema(Oid index, int column) {
  Relation open = index_open(index, AccessShareLock);
  const Oid equal = get_opfamily_member(open->rd_opfamily[column], open->rd_opcintype[column],
                                        open->rd_opcintype[column], BTEqualStrategyNumber);
  index_close(open, AccessShareLock);
  HeapTuple row = SearchSysCache1(OPEROID, ObjectIdGetDatum(equal));
  if (!HeapTupleIsValid(row)) return "pg_catalog";
  const Oid schema = reinterpret_cast<Form_pg_operator>(GETSTRUCT(row))->oprnamespace;
  ReleaseSysCache(row);
  const char* name = get_namespace_name(schema);
  return name == nullptr ? "pg_catalog" : quote_identifier(name);
}

void read_key(Relation open, sync_config* config) {
  const key_columns key = primary_key_of(open);
  TupleDesc shape = RelationGetDescr(open);
  for (int i = 0; i < key.count; i++) {
    const FormData_pg_attribute* column = TupleDescAttr(shape, key.numbers[i] - 1);
    const char* type = format_type_with_typemod(column->atttypid, column->atttypmod);
    const char* schema = operator_schema(compat::primary_key_index(open), i);
    config->key.push_back(
        {NameStr(column->attname), type, schema, column->atttypid, column->atttypmod});
  }
  if (key.count == 0) config->problem = "the table has no primary key";
}

// A restore leaves those out that are on the extension's own tables.
void look_for_trigger(Relation open, sync_config* config) {
  const std::string name = "!stash_vector_" + std::to_string(config->id);
  const TriggerDesc* triggers = open->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
    if (name == triggers->triggers[i].tgname) return;
  if (config->problem.empty())
    config->problem = "its trigger is gone; stash.weaviate_adopt() makes it again";
}

void read_catalog(sync_config* config) {
  Relation open = try_relation_open(config->relation, AccessShareLock);
  if (open == nullptr) {
    config->dropped = true;
    return;
  }
  config->owner = open->rd_rel->relowner;
  config->table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(open)),
                                             RelationGetRelationName(open));
  read_key(open, config);
  look_for_columns(open, config);
  look_for_trigger(open, config);
  relation_close(open, AccessShareLock);
}

void read_row(std::uint64_t row, sync_config* config) {
  bool null = false;
  config->id = DatumGetInt32(result(row, 1, &null));
  config->relation = DatumGetObjectId(result(row, 2, &null));
  config->collection = text_result(row, 3);
  config->tenant_column = text_result(row, 6);
  config->key_space = text_result(row, 8);
  config->paused = DatumGetBool(result(row, 9, &null));
  const char* embeddings = text_result(row, 4);
  const char* properties = text_result(row, 5);
  const char* options = text_result(row, 7);
  parse_json(embeddings, properties, options, config);
}

}  // namespace

bool same_key(const sync_config& one, const sync_config& two) {
  return std::ranges::equal(one.key, two.key, [](const key_column& a, const key_column& b) {
    return a.name == b.name && a.type == b.type;
  });
}

bool sync_config::operator==(const sync_config& other) const {
  const auto same_columns = [](const auto& one, const auto& two) {
    if (one.size() != two.size()) return false;
    for (std::size_t i = 0; i < one.size(); i++)
      if (one[i].column != two[i].column || one[i].name != two[i].name) return false;
    return true;
  };
  return relation == other.relation && owner == other.owner && table == other.table &&
         collection == other.collection && tenant_column == other.tenant_column &&
         key_space == other.key_space && distance == other.distance && index == other.index &&
         consistency == other.consistency && replication_factor == other.replication_factor &&
         paused == other.paused && dropped == other.dropped && problem == other.problem &&
         same_columns(vectors, other.vectors) && same_columns(properties, other.properties) &&
         same_key(*this, other);
}

void load_sync_configs(std::map<std::int32_t, sync_config>* configs) {
  const std::uint64_t rows = run(all_syncs, {}, true);
  // The catalog is read after the last row, for what SPI returned is gone with the next statement.
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    sync_config& config = (*configs)[DatumGetInt32(result(row, 1, &null))];
    read_row(row, &config);
  }
  for (auto& [id, config] : *configs) read_catalog(&config);
}

bool load_sync_of(Oid relation, const char* collection, const char* column, sync_config* config) {
  const auto given = [](const char* text) {
    return text == nullptr ? sql_null : argument{CStringGetTextDatum(text)};
  };
  if (run(sync_of_relation, {{ObjectIdGetDatum(relation)}, given(collection), given(column)},
          true) == 0)
    return false;
  read_row(0, config);
  for (std::size_t i = 1; column != nullptr && i < config->vectors.size(); i++)
    if (config->vectors[i].column == column) std::swap(config->vectors[0], config->vectors[i]);
  read_catalog(config);
  return true;
}

weaviate::uuid object_id_of(const sync_config& config, std::string_view key) {
  const std::string_view parts[] = {config.key_space, key};
  return weaviate::object_id(parts);
}

std::string quoted(const std::string& name) { return quote_identifier(name.c_str()); }

}  // namespace stash
