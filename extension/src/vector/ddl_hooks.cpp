// What row triggers do not see: DDL on synchronised tables and their partitions.
//
// ATTACH brings rows, ALTER TYPE changes them all: a backfill. DETACH and the end of a partition
// take rows away: a sweep. What is to be done is collected and written to the outbox right before
// the transaction commits, for while objects are being dropped the outbox may be one of them. A
// savepoint rolled back leaves a job that finds nothing to do.
#include "boundary/guard.hpp"
#include "boundary/utility_hook.hpp"
#include "session/statement.hpp"
#include "vector/outbox.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
}

namespace stash {
namespace {

object_access_hook_type previous_access_hook = nullptr;

struct wish {
  std::int32_t sync;
  change what;
  bool operator==(const wish&) const = default;
};
// Of the present transaction.
std::vector<wish>* wishes = nullptr;

void wish_for(std::int32_t sync, change what) {
  const wish fresh = {sync, what};
  if (std::find(wishes->begin(), wishes->end(), fresh) == wishes->end()) wishes->push_back(fresh);
}

void write_wishes() {
  if (OidIsValid(outbox_leaf(0)))
    for (const wish& each : *wishes) write_outbox(each.sync, each.what, nullptr, "", 0);
  wishes->clear();
}

void at_transaction_end(XactEvent event, void*) {
  if (wishes->empty()) return;
  if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
    write_wishes();
  else if (event == XACT_EVENT_ABORT)
    wishes->clear();
}

Oid row_trigger() {
  const Oid schema = get_namespace_oid("stash", true);
  if (!OidIsValid(schema)) return InvalidOid;
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("vector_row_changed"),
                         PointerGetDatum(buildoidvector(nullptr, 0)), ObjectIdGetDatum(schema));
}

// The syncs whose triggers a table has; at most `most`.
int syncs_of(Oid relation, std::int32_t* syncs, int most) {
  const Oid function = row_trigger();
  if (!OidIsValid(function) || !OidIsValid(relation)) return 0;
  Relation open = try_relation_open(relation, AccessShareLock);
  if (open == nullptr) return 0;
  const TriggerDesc* triggers = open->trigdesc;
  int count = 0;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers && count < most; i++)
    if (triggers->triggers[i].tgfoid == function && triggers->triggers[i].tgnargs > 0)
      syncs[count++] = pg_strtoint32(triggers->triggers[i].tgargs[0]);
  relation_close(open, NoLock);
  return count;
}

constexpr int most_syncs = 16;

void wish_for_all(Oid relation, change what) {
  std::int32_t syncs[most_syncs];
  const int count = syncs_of(relation, syncs, most_syncs);
  for (int i = 0; i < count; i++) wish_for(syncs[i], what);
}

statement cover{
    "SELECT stash.vector_cover_partitions(s.relation) FROM stash.vector_sync AS s"
    " WHERE s.id OPERATOR(pg_catalog.=) $1",
    1,
    {INT4OID}};
statement uncover{"SELECT stash.vector_drop_triggers($1, $2)", 2, {REGCLASSOID, INT4OID}};

void cover_partitions(Oid relation) {
  std::int32_t syncs[most_syncs];
  const int count = syncs_of(relation, syncs, most_syncs);
  if (count == 0) return;
  const as_owner owner;
  for (int i = 0; i < count; i++) (void)run(cover, {{Int32GetDatum(syncs[i])}});
  owner.finish();
}

Oid oid_of(const RangeVar* name) {
  return name == nullptr ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

// The detached table keeps the statement triggers that were made for it.
void uncover_detached(Oid parent, Oid detached) {
  std::int32_t syncs[most_syncs];
  const int count = syncs_of(parent, syncs, most_syncs);
  if (count == 0 || !OidIsValid(detached)) return;
  const as_owner owner;
  for (int i = 0; i < count; i++)
    (void)run(uncover, {{ObjectIdGetDatum(detached)}, {Int32GetDatum(syncs[i])}});
  owner.finish();
}

void after_alter_table(const AlterTableStmt* statement) {
  const Oid relation = oid_of(statement->relation);
  if (!OidIsValid(relation)) return;
  ListCell* cell = nullptr;
  foreach (cell, statement->cmds) {
    const auto* command = lfirst_node(AlterTableCmd, cell);
    switch (command->subtype) {
      case AT_AttachPartition:
        cover_partitions(relation);
        wish_for_all(relation, change::backfill);
        break;
      case AT_DetachPartition:
        wish_for_all(relation, change::sweep);
        uncover_detached(relation, oid_of(castNode(PartitionCmd, command->def)->name));
        break;
      case AT_AlterColumnType:
        // Of a key's column it changes keys without a trigger: objects stay under the old ones.
        wish_for_all(relation, change::backfill);
        wish_for_all(relation, change::sweep);
        break;
      case AT_EnableTrig:
      case AT_EnableTrigAll:
      case AT_EnableTrigUser:
      case AT_EnableReplicaTrig:
        cover_partitions(relation);
        break;
      default:
        break;
    }
  }
}

void after_statement(Node* statement) {
  if (!IsTransactionState() || !OidIsValid(MyDatabaseId)) return;
  if (!IsA(statement, AlterTableStmt) && !IsA(statement, CreateStmt)) return;
  if (!OidIsValid(row_trigger())) return;
  if (IsA(statement, AlterTableStmt))
    after_alter_table(castNode(AlterTableStmt, statement));
  else if (castNode(CreateStmt, statement)->partbound != nullptr)
    cover_partitions(oid_of(castNode(CreateStmt, statement)->relation));
}

// A table's triggers are dropped before the table itself: of a partition too.
void trigger_dropped(Oid trigger) {
  const Oid ours = row_trigger();
  if (!OidIsValid(ours)) return;
  Relation catalog = table_open(TriggerRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
  SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  if (HeapTupleIsValid(row) && reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row))->tgfoid == ours) {
    bool null = true;
    const Datum arguments =
        heap_getattr(row, Anum_pg_trigger_tgargs, RelationGetDescr(catalog), &null);
    // The arguments follow each other, each with its zero byte.
    if (!null) wish_for(pg_strtoint32(VARDATA_ANY(DatumGetByteaPP(arguments))), change::sweep);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
}

void on_access(ObjectAccessType access, Oid kind, Oid object, int part, void* argument) {
  if (previous_access_hook != nullptr) previous_access_hook(access, kind, object, part, argument);
  if (access == OAT_DROP && kind == TriggerRelationId && IsTransactionState())
    run_guarded([&] { trigger_dropped(object); });
}

}  // namespace

void install_vector_hooks();
void install_vector_hooks() {
  wishes = new std::vector<wish>;
  RegisterXactCallback(at_transaction_end, nullptr);
  register_utility_observer({nullptr, after_statement, nullptr});
  previous_access_hook = object_access_hook;
  object_access_hook = on_access;
}

}  // namespace stash
