// See embedding.hpp.
#include "vector/embedding.hpp"

#include <cfloat>
#include <cmath>

#include "boundary/postgres.hpp"

namespace stash::vectors {
namespace {

[[noreturn]] void refuse_null(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
  pg_unreachable();
}

void check_number(double number, const char* name) {
  if (!std::isfinite(number))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s must hold finite numbers only", name),
                    errdetail("There is NaN or infinity among them.")));
  if (std::fabs(number) > FLT_MAX)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("%s holds a number that is too large", name),
             errdetail("Embeddings are stored as real, which ends at %g.", double{FLT_MAX})));
}

// pgvector's vector and halfvec: a length word, the number of dimensions, a word that is 0,
// numbers.
struct pgvector_header {
  int32 length;
  int16 dimensions;
  int16 unused;
};

bool is_pgvector(Oid type, const char* name) {
  char* type_name = format_type_extended(type, -1, FORMAT_TYPE_INVALID_AS_NULL);
  if (type_name == nullptr) return false;
  pfree(type_name);
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) return false;
  const bool named =
      strcmp(NameStr(reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typname), name) == 0;
  ReleaseSysCache(row);
  if (!named) return false;
  const Oid extension = getExtensionOfObject(TypeRelationId, type);
  return OidIsValid(extension) && extension == get_extension_oid("vector", true);
}

bool type_of_embeddings(Oid type, embedding_type* result) {
  const Oid base = getBaseType(type);
  if (base == FLOAT4ARRAYOID)
    *result = {layout::array, element::real};
  else if (base == FLOAT8ARRAYOID)
    *result = {layout::array, element::exact};
  else if (is_pgvector(base, "vector"))
    *result = {layout::pgvector, element::real};
  else if (is_pgvector(base, "halfvec"))
    *result = {layout::pgvector, element::half};
  else
    return false;
  return true;
}

}  // namespace

embedding_argument embedding_from(const NullableDatum& value, const char* name) {
  if (value.isnull) refuse_null(name);
  const ArrayType* array = DatumGetArrayTypeP(value.value);
  if (ARR_NDIM(array) > 1)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must have one dimension", name),
             errhint("An embedding is a flat array of numbers.")));
  if (ARR_NDIM(array) == 0 || ARR_DIMS(array)[0] == 0)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name)));
  const int size = ARR_DIMS(array)[0];
  if (size > most_dimensions)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s has %d numbers, more than %d", name, size, most_dimensions)));
  if (array_contains_nulls(const_cast<ArrayType*>(array)))
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not have null elements", name)));
  const auto* numbers = reinterpret_cast<const double*>(ARR_DATA_PTR(array));
  for (int i = 0; i < size; i++) check_number(numbers[i], name);
  return {numbers, size};
}

metric metric_from(const NullableDatum& name) {
  if (name.isnull) refuse_null("metric");
  const text* given = DatumGetTextPP(name.value);
  const auto found = metric_named({VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given)});
  if (!found)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unknown metric \"%s\"", text_to_cstring(given)),
                    errhint("Metrics are cosine, inner_product (or dot), l2 and l2-squared.")));
  return *found;
}

prepared_query prepare_in_context(metric measure, const embedding_argument& embedding) {
  const auto size = static_cast<std::size_t>(embedding.size);
  return prepare(measure, embedding.numbers, size, palloc(query_storage(size)));
}

AttrNumber embedding_column(Relation relation, const char* name, embedding_type* type) {
  TupleDesc columns = RelationGetDescr(relation);
  for (int i = 0; i < columns->natts; i++) {
    const Form_pg_attribute column = TupleDescAttr(columns, i);
    if (column->attisdropped || strcmp(NameStr(column->attname), name) != 0) continue;
    if (!type_of_embeddings(column->atttypid, type))
      ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                      errmsg("column \"%s\" of relation \"%s\" holds no embeddings", name,
                             RelationGetRelationName(relation)),
                      errdetail("It is of type %s.", format_type_be(column->atttypid)),
                      errhint("Embeddings are real[], double precision[], or pgvector's vector or "
                              "halfvec.")));
    return column->attnum;
  }
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                  errmsg("column \"%s\" of relation \"%s\" does not exist", name,
                         RelationGetRelationName(relation))));
  pg_unreachable();
}

stored_embedding read_embedding(Datum value, const embedding_type& type, std::uint32_t size) {
  varlena* whole = PG_DETOAST_DATUM(value);
  stored_embedding result = {nullptr, nullptr};
  if (reinterpret_cast<Pointer>(whole) != DatumGetPointer(value)) result.copy = whole;
  if (type.form == layout::pgvector) {
    const auto* header = reinterpret_cast<const pgvector_header*>(whole);
    if (header->dimensions == static_cast<int>(size)) result.numbers = header + 1;
    return result;
  }
  const auto* array = reinterpret_cast<const ArrayType*>(whole);
  const bool flat = ARR_NDIM(array) == 1 && ARR_DIMS(array)[0] == static_cast<int>(size);
  if (flat && !array_contains_nulls(const_cast<ArrayType*>(array)))
    result.numbers = ARR_DATA_PTR(array);
  return result;
}

}  // namespace stash::vectors
