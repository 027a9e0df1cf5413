// See direct_insert.hpp.
#include "session/direct_insert.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/tableam.h"
}

namespace stash {
namespace {

bool is_plain(Relation table, int columns, int checks) {
  const TriggerDesc* triggers = table->trigdesc;
  const bool fires = triggers != nullptr &&
                     (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
                      triggers->trig_insert_instead_row || triggers->trig_insert_before_statement ||
                      triggers->trig_insert_after_statement);
  const TupleDesc shape = RelationGetDescr(table);
  const int present_checks = shape->constr == nullptr ? 0 : shape->constr->num_check;
  bool dropped = false;
  for (int i = 0; i < shape->natts; i++) dropped = dropped || TupleDescAttr(shape, i)->attisdropped;
  return !fires && !dropped && present_checks == checks && shape->natts == columns &&
         !table->rd_rel->relrowsecurity;
}

void insert_row(Relation table, const Datum* values, const bool* nulls, int columns) {
  EState* state = CreateExecutorState();
  ResultRelInfo* target = makeNode(ResultRelInfo);
  InitResultRelInfo(target, table, 1, nullptr, 0);
  ExecOpenIndices(target, false);
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  ExecClearTuple(slot);
  const auto count = static_cast<std::size_t>(columns);
  std::memcpy(slot->tts_values, values, sizeof(Datum) * count);
  std::memcpy(slot->tts_isnull, nulls, sizeof(bool) * count);
  ExecStoreVirtualTuple(slot);
  table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, nullptr);
  compat::insert_index_tuples(target, slot, state);
  ExecCloseIndices(target);
  ExecDropSingleTupleTableSlot(slot);
  FreeExecutorState(state);
}

}  // namespace

bool insert_directly(const char* table, const Datum* values, const bool* nulls, int columns,
                     int checks) {
  PreventCommandIfReadOnly("session_create()");
  PreventCommandIfParallelMode("session_create()");
  PreventCommandDuringRecovery("session_create()");
  const Oid schema = get_namespace_oid("stash", true);
  const Oid oid = OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
  if (!OidIsValid(oid)) return false;
  Relation open = table_open(oid, RowExclusiveLock);
  const bool plain = is_plain(open, columns, checks);
  if (plain) {
    insert_row(open, values, nulls, columns);
    CommandCounterIncrement();
  }
  table_close(open, NoLock);
  return plain;
}

}  // namespace stash
