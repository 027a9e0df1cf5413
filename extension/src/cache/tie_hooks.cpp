// What triggers do not see: DDL on tied tables, and the extension itself coming and going.
//
// ALTER TABLE in any form may change what rows say (ALTER TYPE … USING), which rows a table has
// (ATTACH, DETACH) or whether its triggers fire, so it invalidates the ties of the table, of its
// partitions and of its parents; so does a policy that comes, changes or goes. DROP, RENAME and SET
// SCHEMA are caught where every kind of them passes: the object-access hook.
#include "boundary/guard.hpp"
#include "boundary/utility_hook.hpp"
#include "cache/namespaces.hpp"
#include "cache/shared_store.hpp"
#include "cache/tie.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_policy.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
}

namespace stash {
namespace {

object_access_hook_type previous_access_hook = nullptr;

void invalidate_ties_of(Oid relation) {
  Relation open = try_relation_open(relation, NoLock);
  if (open == nullptr) return;
  each_tie(open, [](const tie& each) { invalidate_tie(each.tag_template, each.space_name); });
  relation_close(open, NoLock);
}

bool is_table(Oid relation) {
  const char kind = get_rel_relkind(relation);
  return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

// The table and everything below it that the statement may have gone on to.
void invalidate_tree(Oid relation) {
  if (!is_table(relation)) return;
  ListCell* cell = nullptr;
  foreach (cell, find_all_inheritors(relation, NoLock, nullptr))
    invalidate_ties_of(lfirst_oid(cell));
}

Oid oid_of(const RangeVar* name) {
  return name == nullptr ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

// Ties are not inherited by children that are no partitions: a change of theirs, through the parent
// too, would go unseen. cache_invalidate_on refuses tables that have such children already.
void refuse_child_of_tied(const RangeVar* parent) {
  const Oid relation = oid_of(parent);
  if (!OidIsValid(relation) || !is_table(relation)) return;
  bool tied = false;
  Relation open = relation_open(relation, NoLock);
  each_tie(open, [&](const tie&) { tied = true; });
  relation_close(open, NoLock);
  if (tied)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("\"%s\" has cache ties, so it cannot have inheritance children",
                           get_rel_name(relation)),
                    errhint("End them with stash.cache_invalidate_off, then tie each child by "
                            "itself, or use partitions.")));
}

// DETACH … CONCURRENTLY commits in its middle: from then on others do not see the rows any more.
void before_alter_table(const AlterTableStmt* statement) {
  bool concurrent = false;
  ListCell* cell = nullptr;
  foreach (cell, statement->cmds) {
    const auto* command = lfirst_node(AlterTableCmd, cell);
    concurrent = concurrent || (command->subtype == AT_DetachPartition &&
                                castNode(PartitionCmd, command->def)->concurrent);
  }
  const Oid relation = concurrent ? oid_of(statement->relation) : InvalidOid;
  if (!OidIsValid(relation) || !is_table(relation) ||
      !compat::is_table_owner(relation, GetUserId()))
    return;
  LockRelationOid(relation, AccessShareLock);
  invalidate_ties_of(relation);
}

void after_alter_table(const AlterTableStmt* statement) {
  const Oid relation = oid_of(statement->relation);
  if (!OidIsValid(relation)) return;
  invalidate_tree(relation);
  ListCell* cell = nullptr;
  foreach (cell, statement->cmds) {
    const auto* command = lfirst_node(AlterTableCmd, cell);
    if (command->subtype == AT_AddInherit) {
      refuse_child_of_tied(castNode(RangeVar, command->def));
    } else if (command->subtype == AT_AttachPartition) {
      tie_partitions(relation);
    } else if (command->subtype == AT_EnableTrig || command->subtype == AT_EnableTrigAll ||
               command->subtype == AT_EnableTrigUser || command->subtype == AT_EnableReplicaTrig) {
      keep_always(relation);
    } else if (command->subtype == AT_DetachPartition) {
      const Oid detached = oid_of(castNode(PartitionCmd, command->def)->name);
      if (OidIsValid(detached)) untie_detached(detached);
    }
  }
}

void after_create_table(const CreateStmt* statement) {
  // A new partition of a tied table has its row trigger already; TRUNCATE triggers are not cloned.
  if (statement->partbound == nullptr) {
    ListCell* cell = nullptr;
    foreach (cell, statement->inhRelations) refuse_child_of_tied(lfirst_node(RangeVar, cell));
    return;
  }
  const Oid relation = oid_of(statement->relation);
  if (OidIsValid(relation) && is_table(relation)) tie_partitions(relation);
}

void invalidate_database() {
  const store& owner = shared_store();
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    const space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() != 0 && slot.database == MyDatabaseId)
      invalidate_space(static_cast<space_index>(i));
  }
  note_namespace_change();
}

void new_extension() {
  invalidate_database();
  note_new_extension();
}

void before_statement(Node* statement) {
  if (!store_attached() || !IsTransactionState() || !OidIsValid(MyDatabaseId)) return;
  if (IsA(statement, AlterTableStmt) && OidIsValid(row_trigger_function()))
    before_alter_table(castNode(AlterTableStmt, statement));
}

void after_statement(Node* statement) {
  if (!store_attached() || !IsTransactionState() || !OidIsValid(MyDatabaseId)) return;
  switch (nodeTag(statement)) {
    case T_VariableSetStmt: {
      const auto* set = castNode(VariableSetStmt, statement);
      if (set->kind == VAR_SET_MULTI && std::strcmp(set->name, "TRANSACTION SNAPSHOT") == 0)
        note_imported_snapshot();
      break;
    }
    case T_CreatePolicyStmt: {
      const Oid table = oid_of(castNode(CreatePolicyStmt, statement)->table);
      if (OidIsValid(row_trigger_function()) && OidIsValid(table)) invalidate_tree(table);
      break;
    }
    case T_AlterTableStmt:
      if (OidIsValid(row_trigger_function()))
        after_alter_table(castNode(AlterTableStmt, statement));
      break;
    case T_CreateStmt:
      if (OidIsValid(row_trigger_function())) after_create_table(castNode(CreateStmt, statement));
      break;
    case T_CreateExtensionStmt:
      if (std::strcmp(castNode(CreateExtensionStmt, statement)->extname, "pg_stash") == 0)
        new_extension();
      break;
    default:
      break;
  }
}

// A table's triggers are dropped before the table itself: the end of a tie is the end of its
// trigger, in DROP TABLE, SCHEMA and OWNED, of a partition, too.
void trigger_dropped(Oid trigger) {
  const Oid ours = row_trigger_function();
  if (!OidIsValid(ours)) return;
  Relation catalog = table_open(TriggerRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
  SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  if (HeapTupleIsValid(row)) {
    const auto* form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
    bool null = true;
    const Datum stored =
        heap_getattr(row, Anum_pg_trigger_tgargs, RelationGetDescr(catalog), &null);
    if (form->tgfoid == ours && form->tgnargs == 2 && !null) {
      // The arguments follow each other, each with its zero byte.
      const char* tag_template = VARDATA_ANY(DatumGetByteaPP(stored));
      invalidate_tie(tag_template, tag_template + std::strlen(tag_template) + 1);
    }
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
}

// Other rows are seen from now on. A new policy is not in the catalog yet: see after_statement.
void policy_changed(Oid policy) {
  if (!OidIsValid(row_trigger_function())) return;
  Relation catalog = table_open(PolicyRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_policy_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(policy));
  SysScanDesc scan = systable_beginscan(catalog, PolicyOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  if (HeapTupleIsValid(row))
    invalidate_tree(reinterpret_cast<Form_pg_policy>(GETSTRUCT(row))->polrelid);
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
}

void on_access(ObjectAccessType access, Oid kind, Oid object, int part, void* argument) {
  if (previous_access_hook != nullptr) previous_access_hook(access, kind, object, part, argument);
  if (!store_attached() || !IsTransactionState()) return;
  // Another name, of the table or of a column: rows look different, or another table takes its
  // place.
  const bool renamed = access == OAT_POST_ALTER;
  if (!renamed && (access != OAT_DROP || part != 0)) return;
  if (kind == RelationRelationId && is_table(object)) {
    if (OidIsValid(row_trigger_function())) invalidate_ties_of(object);
  } else if (kind == PolicyRelationId) {
    policy_changed(object);
  } else if (!renamed && kind == TriggerRelationId) {
    trigger_dropped(object);
  } else if (!renamed && kind == ExtensionRelationId &&
             object == get_extension_oid("pg_stash", true)) {
    invalidate_database();
  }
}

}  // namespace

void install_tie_hooks() {
  register_utility_observer({before_statement, after_statement, nullptr});
  previous_access_hook = object_access_hook;
  object_access_hook = on_access;
}

}  // namespace stash
