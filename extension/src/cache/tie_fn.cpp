// SQL entry points cache_invalidate_on and cache_invalidate_off: making and ending ties (see
// tie.hpp).
#include "boundary/guard.hpp"
#include "boundary/ownership.hpp"
#include "cache/arguments.hpp"
#include "cache/namespaces.hpp"
#include "cache/tie.hpp"
#include "store/hash.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace stash {
namespace {

void run(const char* statement) {
  const int code = SPI_execute(statement, false, 0);
  if (code < 0) elog(ERROR, "could not run \"%s\": %s", statement, SPI_result_code_string(code));
}

char* qualified_name(Oid relation) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
                                    get_rel_name(relation));
}

// '!' sorts before whatever a trigger is usually called. The rest tells one tie from another.
char* trigger_name(const tie& of, const char* suffix) {
  StringInfoData key;
  initStringInfo(&key);
  appendStringInfo(&key, "%s\n%s", of.tag_template, of.space_name);
  return psprintf(
      "!stash_%016llx%s",
      static_cast<unsigned long long>(checksum(key.data, static_cast<std::size_t>(key.len))),
      suffix);
}

bool has_trigger(Oid relation, const char* name) {
  return OidIsValid(get_trigger_oid(relation, name, true));
}

void create_trigger(Oid relation, const tie& of, const char* suffix, const char* events,
                    const char* level, const char* function) {
  const char* name = trigger_name(of, suffix);
  if (has_trigger(relation, name)) return;
  const char* quoted = quote_identifier(name);
  const char* table = qualified_name(relation);
  run(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION stash.%s(%s, %s)",
               quoted, events, table, level, function, quote_literal_cstr(of.tag_template),
               quote_literal_cstr(of.space_name)));
  run(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, quoted));
  // DROP EXTENSION takes the tie with it.
  run(psprintf("ALTER TRIGGER %s ON %s DEPENDS ON EXTENSION pg_stash", quoted, table));
}

void create_truncate_trigger(Oid relation, const tie& of) {
  create_trigger(relation, of, "_truncate", "TRUNCATE", "STATEMENT", "cache_invalidate_truncate");
}

void check_relation(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
    ereport(
        ERROR,
        (errcode(ERRCODE_WRONG_OBJECT_TYPE),
         errmsg("\"%s\" is not a table", RelationGetRelationName(relation)),
         errhint("Triggers see the changes of tables only: tie the tables that a view reads.")));
  if (IsCatalogRelation(relation))
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" is a system catalog", RelationGetRelationName(relation))));
  if (kind == RELKIND_RELATION && relation->rd_rel->relhassubclass &&
      find_inheritance_children(RelationGetRelid(relation), AccessShareLock) != NIL)
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" has inheritance children", RelationGetRelationName(relation)),
                    errhint("Triggers are not inherited there: tie each table by itself.")));
}

// The lock is for owners only, too: others would stop the table's writers.
Relation open_relation_argument(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0)) report_null("relation");
  const Oid relation = PG_GETARG_OID(0);
  check_table_owner(relation);
  Relation open = relation_open(relation, ShareRowExclusiveLock);
  check_table_owner(relation);
  return open;
}

// The names of the triggers of a relation that call one of our functions and that `which` wants.
template <typename Which>
List* names_of_triggers(Oid relation, Which which) {
  List* names = NIL;
  Relation open = relation_open(relation, AccessShareLock);
  const TriggerDesc* triggers = open->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
    const Trigger& trigger = triggers->triggers[i];
    const bool ours = trigger.tgnargs == 2 && (trigger.tgfoid == row_trigger_function() ||
                                               trigger.tgfoid == truncate_trigger_function());
    if (ours && which(open, trigger)) names = lappend(names, pstrdup(trigger.tgname));
  }
  relation_close(open, NoLock);
  return names;
}

template <typename Which>
int drop_triggers(Oid relation, Which which) {
  List* names = names_of_triggers(relation, [&](Relation open, const Trigger& trigger) {
    return !trigger.tgisclone && which(open, trigger);
  });
  ListCell* cell = nullptr;
  foreach (cell, names)
    run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(static_cast<char*>(lfirst(cell))),
                 qualified_name(relation)));
  return list_length(names);
}

}  // namespace

void tie_partitions(Oid relation) {
  Relation root = relation_open(relation, AccessShareLock);
  int count = 0;
  tie ties[64];
  each_tie(root, [&](const tie& each) {
    if (count < 64) ties[count++] = {pstrdup(each.tag_template), pstrdup(each.space_name)};
  });
  relation_close(root, NoLock);
  if (count == 0) return;
  List* members = find_all_inheritors(relation, AccessShareLock, nullptr);
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  ListCell* cell = nullptr;
  foreach (cell, members) {
    const Oid member = lfirst_oid(cell);
    const char kind = get_rel_relkind(member);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) continue;
    for (int i = 0; i < count; i++) create_truncate_trigger(member, ties[i]);
  }
  SPI_finish();
}

void keep_always(Oid relation) {
  List* names = names_of_triggers(relation, [](Relation, const Trigger& trigger) {
    return trigger.tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
           trigger.tgenabled == TRIGGER_FIRES_ON_REPLICA;
  });
  if (names == NIL) return;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  ListCell* cell = nullptr;
  foreach (cell, names)
    run(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", qualified_name(relation),
                 quote_identifier(static_cast<char*>(lfirst(cell)))));
  SPI_finish();
}

void untie_detached(Oid relation) {
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  const Oid truncate = truncate_trigger_function();
  (void)drop_triggers(relation, [&](Relation open, const Trigger& trigger) {
    if (trigger.tgfoid != truncate) return false;
    bool tied = false;
    each_tie(open, [&](const tie& each) {
      tied = tied || (std::strcmp(each.tag_template, trigger.tgargs[0]) == 0 &&
                      std::strcmp(each.space_name, trigger.tgargs[1]) == 0);
    });
    return !tied;
  });
  SPI_finish();
}

// cache_invalidate_on(relation, tag_template, namespace)
STASH_FUNCTION(cache_invalidate_on) {
  const std::string_view tag_template = text_argument(fcinfo, 1, "tag_template");
  (void)namespace_argument(fcinfo, 2);
  const std::string_view space_name =
      PG_ARGISNULL(2) ? std::string_view(default_namespace) : text_argument(fcinfo, 2, "namespace");
  Relation open = open_relation_argument(fcinfo);
  const Oid relation = RelationGetRelid(open);
  check_relation(open);
  check_template(tag_template, open);
  relation_close(open, NoLock);

  const tie fresh = {pnstrdup(tag_template.data(), tag_template.size()),
                     pnstrdup(space_name.data(), space_name.size())};
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  create_trigger(relation, fresh, "", "INSERT OR UPDATE OR DELETE", "ROW", "cache_invalidate_row");
  create_truncate_trigger(relation, fresh);
  SPI_finish();
  CommandCounterIncrement();
  tie_partitions(relation);
  // What was cached before was not watched over.
  invalidate_tie(fresh.tag_template, fresh.space_name);
  PG_RETURN_VOID();
}

// cache_invalidate_off(relation)
STASH_FUNCTION(cache_invalidate_off) {
  Relation open = open_relation_argument(fcinfo);
  const Oid relation = RelationGetRelid(open);
  each_tie(open, [](const tie& each) { invalidate_tie(each.tag_template, each.space_name); });
  const bool partitioned = open->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
  relation_close(open, NoLock);

  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  const int dropped = drop_triggers(relation, [](Relation, const Trigger&) { return true; });
  SPI_finish();
  CommandCounterIncrement();
  if (partitioned) {
    ListCell* cell = nullptr;
    foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr))
      if (lfirst_oid(cell) != relation) untie_detached(lfirst_oid(cell));
  }
  PG_RETURN_BOOL(dropped > 0);
}

}  // namespace stash
