// See search.hpp: which columns are wanted, which way the relation is read, and what becomes of the
// nearest rows.
#include "vector/search.hpp"

#include "vector/filter_catalog.hpp"
#include "vector/query_scan.hpp"
#include "vector/row_json.hpp"
#include "vector/table_scan.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/tableam.h"
#include "lib/stringinfo.h"
#include "utils/rls.h"
}

namespace stash::vectors {
namespace {

// The columns that a search reads, by their numbers in the relation.
struct wanted_columns {
  AttrNumber embedding;
  embedding_type type;
  AttrNumber* keys;
  int key_count;
  AttrNumber* properties;
  int property_count;
};

Relation open_relation(Oid relation) {
  Relation opened = relation_open(relation, AccessShareLock);
  switch (opened->rd_rel->relkind) {
    case RELKIND_RELATION:
    case RELKIND_MATVIEW:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_VIEW:
    case RELKIND_FOREIGN_TABLE:
      return opened;
    default:
      ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                      errmsg("\"%s\" has no rows to search", RelationGetRelationName(opened)),
                      errhint("Tables, views, materialized views and foreign tables have.")));
  }
  pg_unreachable();
}

void find_keys(Relation relation, wanted_columns* wanted) {
  const Oid index = compat::primary_key_index(relation);
  if (!OidIsValid(index)) return;
  Relation opened = index_open(index, AccessShareLock);
  wanted->key_count = opened->rd_index->indnkeyatts;
  wanted->keys =
      static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * static_cast<Size>(wanted->key_count)));
  for (int i = 0; i < wanted->key_count; i++) wanted->keys[i] = opened->rd_index->indkey.values[i];
  index_close(opened, AccessShareLock);
}

void find_named_properties(Relation relation, const search_request& request,
                           wanted_columns* wanted) {
  for (int i = 0; i < request.property_count; i++) {
    const AttrNumber number = get_attnum(RelationGetRelid(relation), request.properties[i]);
    if (number <= 0)
      ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                      errmsg("column \"%s\" of relation \"%s\" does not exist",
                             request.properties[i], RelationGetRelationName(relation))));
    wanted->properties[wanted->property_count++] = number;
  }
}

void find_all_properties(TupleDesc columns, wanted_columns* wanted) {
  for (int i = 0; i < columns->natts; i++) {
    const Form_pg_attribute column = TupleDescAttr(columns, i);
    if (!column->attisdropped && column->attnum != wanted->embedding)
      wanted->properties[wanted->property_count++] = column->attnum;
  }
}

wanted_columns find_columns(Relation relation, const search_request& request) {
  wanted_columns wanted = {};
  wanted.embedding = embedding_column(relation, request.column, &wanted.type);
  find_keys(relation, &wanted);
  const int most =
      request.properties != nullptr ? request.property_count : RelationGetDescr(relation)->natts;
  wanted.properties =
      static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * static_cast<Size>(most + 1)));
  if (request.properties != nullptr)
    find_named_properties(relation, request, &wanted);
  else
    find_all_properties(RelationGetDescr(relation), &wanted);
  return wanted;
}

bool may_read(Oid relation, AttrNumber column) {
  return pg_attribute_aclcheck(relation, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

// What the executor would ask for a SELECT of these columns.
void check_rights(Relation relation, const wanted_columns& wanted) {
  const Oid oid = RelationGetRelid(relation);
  if (pg_class_aclcheck(oid, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return;
  bool allowed = may_read(oid, wanted.embedding);
  for (int i = 0; allowed && i < wanted.key_count; i++) allowed = may_read(oid, wanted.keys[i]);
  for (int i = 0; allowed && i < wanted.property_count; i++)
    allowed = may_read(oid, wanted.properties[i]);
  if (!allowed)
    aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(relation->rd_rel->relkind),
                   RelationGetRelationName(relation));
}

bool can_be_scanned(Relation relation, const search_request& request) {
  const char kind = relation->rd_rel->relkind;
  return request.filter == nullptr && (kind == RELKIND_RELATION || kind == RELKIND_MATVIEW) &&
         !has_subclass(RelationGetRelid(relation)) &&
         compat::may_use_schema(RelationGetNamespace(relation), GetUserId()) &&
         check_enable_rls(RelationGetRelid(relation), InvalidOid, false) != RLS_ENABLED;
}

// Positions, counted from 1, of the wanted columns in the rows that come out of a scan.
struct positions {
  int* keys;
  int* properties;
};

int* numbered_from(int first, int count) {
  auto* numbers = static_cast<int*>(palloc(sizeof(int) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; i++) numbers[i] = first + i;
  return numbers;
}

int* as_positions(const AttrNumber* columns, int count) {
  int* numbers = numbered_from(0, count);
  for (int i = 0; i < count; i++) numbers[i] = columns[i];
  return numbers;
}

// Makes hits of rows one by one.
class hit_maker {
 public:
  hit_maker(TupleDesc described, const wanted_columns& wanted, const positions& at, int most)
      : described_(described),
        id_(described, at.keys, wanted.key_count),
        properties_(described, at.properties, wanted.property_count),
        has_id_(wanted.key_count > 0),
        hits_(static_cast<search_hit*>(palloc(sizeof(search_hit) * static_cast<Size>(most + 1)))),
        values_(static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(described->natts)))),
        nulls_(static_cast<bool*>(palloc(static_cast<Size>(described->natts)))) {}

  void add(HeapTuple row, double distance) {
    heap_deform_tuple(row, described_, values_, nulls_);
    hits_[count_++] = {has_id_ ? id_.of(values_, nulls_) : 0, properties_.of(values_, nulls_),
                       distance};
  }

  [[nodiscard]] search_result result(const row_measure& measure) const {
    return {hits_, count_, measure.of_this_size, measure.of_other_sizes};
  }

 private:
  TupleDesc described_;
  row_json id_;
  row_json properties_;
  bool has_id_;
  search_hit* hits_;
  Datum* values_;
  bool* nulls_;
  int count_ = 0;
};

search_result search_table(Relation table, const search_request& request,
                           const wanted_columns& wanted, row_measure* measure,
                           const prepared_query& query) {
  scan_table({table, wanted.embedding, wanted.type, query, request.max_distance, request.max_rows},
             measure);
  const positions at = {as_positions(wanted.keys, wanted.key_count),
                        as_positions(wanted.properties, wanted.property_count)};
  hit_maker hits(RelationGetDescr(table), wanted, at, request.max_rows);
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  for (std::size_t i = 0; i < measure->nearest.size(); i++) {
    ItemPointerData address = row_address(measure->nearest[i]);
    if (!table_tuple_fetch_row_version(table, &address, GetActiveSnapshot(), slot))
      elog(ERROR, "a row that was just read is not there");
    bool copied = false;
    HeapTuple row = ExecFetchSlotHeapTuple(slot, false, &copied);
    hits.add(row, measure->nearest[i].distance);
    if (copied) heap_freetuple(row);
  }
  ExecDropSingleTupleTableSlot(slot);
  return hits.result(*measure);
}

void append_columns(StringInfo text, Relation relation, const AttrNumber* columns, int count) {
  for (int i = 0; i < count; i++)
    appendStringInfo(text, ", t.%s",
                     quote_identifier(get_attname(RelationGetRelid(relation), columns[i], false)));
}

search_result search_by_query(Relation relation, const search_request& request,
                              const wanted_columns& wanted, row_measure* measure) {
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfo(&text, "SELECT t.%s", quote_identifier(request.column));
  append_columns(&text, relation, wanted.keys, wanted.key_count);
  append_columns(&text, relation, wanted.properties, wanted.property_count);
  appendStringInfo(&text, " FROM %s AS t",
                   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                              RelationGetRelationName(relation)));
  sql_predicate predicate = {};
  if (request.filter != nullptr) {
    predicate = predicate_for(RelationGetDescr(relation), request.filter, "t");
    appendStringInfo(&text, " WHERE %s", predicate.text);
  }
  TupleDesc described = scan_query(text.data, predicate.parameters, measure);
  const positions at = {numbered_from(2, wanted.key_count),
                        numbered_from(2 + wanted.key_count, wanted.property_count)};
  hit_maker hits(described, wanted, at, request.max_rows);
  for (std::size_t i = 0; i < measure->nearest.size(); i++)
    hits.add(static_cast<HeapTuple>(measure->nearest[i].row), measure->nearest[i].distance);
  return hits.result(*measure);
}

}  // namespace

search_result search_local(const search_request& request) {
  Relation relation = open_relation(request.relation);
  const wanted_columns wanted = find_columns(relation, request);
  const prepared_query query = prepare_in_context(request.measure, request.embedding);
  auto* room =
      static_cast<near_row*>(palloc(sizeof(near_row) * static_cast<Size>(request.max_rows + 1)));
  row_measure measure(query, wanted.type, request.max_distance, room, request.max_rows);
  search_result result;
  if (can_be_scanned(relation, request)) {
    check_rights(relation, wanted);
    result = search_table(relation, request, wanted, &measure, query);
  } else {
    result = search_by_query(relation, request, wanted, &measure);
  }
  relation_close(relation, AccessShareLock);
  return result;
}

}  // namespace stash::vectors
