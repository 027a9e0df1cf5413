// SQL entry points of the full-text index: memory_words, and the trigger memory_text_added that
// indexes what is added. The trigger costs next to nothing where full text is on for nobody.
#include "boundary/guard.hpp"
#include "session/statement.hpp"
#include "snapshot/words.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/bufmgr.h"
}

namespace stash::memory {
namespace {

statement index_part{
    "INSERT INTO stash.memory_text (pool, part, words, complete)"
    " SELECT $1, $2, w.words, w.complete FROM stash.memory_search_choice($1) AS c,"
    " stash.memory_words($3, c.language::pg_catalog.regconfig, c.weights) AS w"
    " WHERE pg_catalog.length(w.words) OPERATOR(pg_catalog.>) 0 ON CONFLICT DO NOTHING",
    3,
    {INT8OID, INT8OID, JSONBOID}};
statement index_version{
    "INSERT INTO stash.memory_text (pool, version, words, complete)"
    " SELECT $1, $2, w.words, w.complete FROM stash.memory_search_choice($1) AS c,"
    " stash.memory_words($3, c.language::pg_catalog.regconfig, c.weights) AS w"
    " WHERE pg_catalog.length(w.words) OPERATOR(pg_catalog.>) 0 ON CONFLICT DO NOTHING",
    3,
    {INT8OID, UUIDOID, JSONBOID}};

// Whether somebody may have switched full text on: a table that has no block has no row.
bool may_be_on() {
  const Oid table = get_relname_relid("memory_search_language", get_namespace_oid("stash", false));
  // In an extension that is just being created or dropped.
  if (!OidIsValid(table)) return false;
  Relation opened = table_open(table, AccessShareLock);
  const bool any = RelationGetNumberOfBlocks(opened) > 0;
  table_close(opened, AccessShareLock);
  return any;
}

argument column_of(const TriggerData* trigger, const char* name) {
  const int number = SPI_fnumber(trigger->tg_relation->rd_att, name);
  if (number <= 0) elog(ERROR, "column \"%s\" was expected", name);
  bool null = false;
  const Datum value =
      heap_getattr(trigger->tg_trigtuple, number, trigger->tg_relation->rd_att, &null);
  return {value, null};
}

}  // namespace
}  // namespace stash::memory

namespace stash {

// memory_words(content, language, weights)
STASH_FUNCTION(memory_words) {
  TupleDesc described = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &described) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "a row was expected");
  const memory::word_list found =
      memory::words_of(PG_GETARG_JSONB_P(0), PG_GETARG_OID(1), PG_GETARG_JSONB_P(2));
  Datum columns[2] = {PointerGetDatum(found.words), BoolGetDatum(found.complete)};
  bool nulls[2] = {false, false};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(described), columns, nulls));
}

STASH_FUNCTION(memory_text_added) {
  if (!CALLED_AS_TRIGGER(fcinfo))
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("this function is a trigger")));
  const auto* trigger = reinterpret_cast<const TriggerData*>(fcinfo->context);
  if (!memory::may_be_on()) return 0;
  const bool part = strcmp(RelationGetRelationName(trigger->tg_relation), "memory_part") == 0;
  const as_owner owner;
  (void)run(part ? memory::index_part : memory::index_version,
            {memory::column_of(trigger, "pool"), memory::column_of(trigger, "id"),
             memory::column_of(trigger, "content")});
  owner.finish();
  return 0;
}

}  // namespace stash
