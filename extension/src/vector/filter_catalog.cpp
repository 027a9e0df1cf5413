// See filter_catalog.hpp. Catalogs are asked first, into palloc'd memory; then the core translates,
// with C++ objects that no ereport may jump over; then errors are raised.
//
// JSON is UTF-8 for the core. The database's encoding comes in again with the parameters and the
// messages; references to columns never leave it.
#include "vector/filter_catalog.hpp"

#include <cstdlib>

#include "boundary/guard.hpp"
#include "vector/filter_sql.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace stash::vectors {
namespace {

struct column_list {
  filter_column* columns;
  std::size_t count;
};

// What the core said, copied out of it.
struct translation {
  char* text = nullptr;
  char** parameters = nullptr;
  std::size_t parameter_count = 0;
  bool failed = false;
  filter_error::reason why = filter_error::reason::malformed;
  char message[512] = "";
  char hint[256] = "";
};

column_class class_of(Oid type) {
  switch (type) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case NUMERICOID:
      return column_class::exact_number;
    case FLOAT4OID:
    case FLOAT8OID:
      return column_class::float_number;
    case BOOLOID:
      return column_class::boolean;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case NAMEOID:
      return column_class::text;
    case JSONOID:
    case JSONBOID:
      return column_class::json;
    default:
      return column_class::other;
  }
}

const char* to_utf8(const char* text) {
  return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

bool is_hidden(const char* name, const char* const* hidden) {
  for (; hidden != nullptr && *hidden != nullptr; hidden++)
    if (strcmp(name, *hidden) == 0) return true;
  return false;
}

column_list columns_of(TupleDesc described, const char* alias, const char* const* hidden) {
  column_list list = {static_cast<filter_column*>(
                          palloc0(sizeof(filter_column) * static_cast<Size>(described->natts + 1))),
                      0};
  for (int i = 0; i < described->natts; i++) {
    const Form_pg_attribute column = TupleDescAttr(described, i);
    const char* name = NameStr(column->attname);
    if (column->attisdropped || is_hidden(name, hidden)) continue;
    const Oid base = getBaseType(column->atttypid);
    const Oid element = get_base_element_type(base);
    const Oid value = OidIsValid(element) ? getBaseType(element) : base;
    filter_column* into = &list.columns[list.count++];
    into->name = to_utf8(pstrdup(name));
    into->reference = psprintf("%s.%s", alias, quote_identifier(name));
    into->type = format_type_be_qualified(value);
    into->values = class_of(value);
    into->list = OidIsValid(element);
  }
  return list;
}

// PostgreSQL's memory without its errors.
char* copied(std::string_view text) {
  auto* copy = static_cast<char*>(
      MemoryContextAllocExtended(CurrentMemoryContext, text.size() + 1, MCXT_ALLOC_NO_OOM));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

void translate(std::string_view json, const column_list& list, translation* result) {
  try {
    std::vector<std::string> parameters;
    const std::string text =
        filter_predicate(parse_filter(json), {list.columns, list.count}, parameters);
    result->text = copied(text);
    result->parameters = static_cast<char**>(MemoryContextAllocExtended(
        CurrentMemoryContext, (parameters.size() + 1) * sizeof(char*), MCXT_ALLOC_NO_OOM));
    if (result->parameters == nullptr) throw std::bad_alloc();
    for (const std::string& each : parameters)
      result->parameters[result->parameter_count++] = copied(each);
  } catch (const filter_error& error) {
    result->failed = true;
    result->why = error.why();
    strlcpy(result->message, error.what(), sizeof result->message);
    strlcpy(result->hint, error.hint().c_str(), sizeof result->hint);
  }
}

const char* to_server(const char* text) {
  return pg_any_to_server(text, static_cast<int>(strlen(text)), PG_UTF8);
}

// A message may have been cut within a character.
const char* whole_characters(char* text) {
  text[pg_encoding_mbcliplen(PG_UTF8, text, static_cast<int>(strlen(text)),
                             static_cast<int>(strlen(text)))] = '\0';
  return to_server(text);
}

[[noreturn]] void report(translation* failure) {
  int code = ERRCODE_INVALID_PARAMETER_VALUE;
  if (failure->why == filter_error::reason::unknown) code = ERRCODE_UNDEFINED_COLUMN;
  if (failure->why == filter_error::reason::mismatched) code = ERRCODE_DATATYPE_MISMATCH;
  if (failure->why == filter_error::reason::too_large) code = ERRCODE_STATEMENT_TOO_COMPLEX;
  ereport(ERROR, (errcode(code), errmsg("%s", whole_characters(failure->message)),
                  failure->hint[0] == '\0' ? 0 : errhint("%s", whole_characters(failure->hint))));
  pg_unreachable();
}

}  // namespace

sql_predicate predicate_for(TupleDesc columns, const Jsonb* filter, const char* alias,
                            const char* const* hidden) {
  const column_list list = columns_of(columns, alias, hidden);
  const char* json = to_utf8(JsonbToCString(nullptr, &const_cast<Jsonb*>(filter)->root,
                                            static_cast<int>(VARSIZE(filter))));
  translation result;
  run_guarded([&] { translate(json, list, &result); });
  if (result.failed) report(&result);
  auto* texts = static_cast<Datum*>(palloc(sizeof(Datum) * (result.parameter_count + 1)));
  for (std::size_t i = 0; i < result.parameter_count; i++)
    texts[i] = CStringGetTextDatum(to_server(result.parameters[i]));
  return {result.text,
          PointerGetDatum(construct_array(texts, static_cast<int>(result.parameter_count), TEXTOID,
                                          -1, false, TYPALIGN_INT))};
}

}  // namespace stash::vectors
