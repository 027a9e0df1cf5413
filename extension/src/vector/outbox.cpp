// See outbox.hpp. Rows are formed and inserted without the executor: a bulk change comes here for
// each row.
#include "vector/outbox.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// The present transaction wrote to the outbox.
bool wrote = false;

// At commit nothing may fail; setting a latch cannot. What PREPARE leaves is found by the slow
// poll.
void at_transaction_end(XactEvent event, void*) {
  if (!wrote) return;
  if (event == XACT_EVENT_COMMIT)
    if (vector_slot* slot = my_vector_slot()) wake_vector_worker(slot);
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
    wrote = false;
}

Oid leaf_to_write() {
  const vector_slot* slot = my_vector_slot();
  const int number =
      slot == nullptr ? 0 : static_cast<int>(slot->active_leaf.load() % outbox_leaves);
  const Oid leaf = outbox_leaf(number);
  if (!OidIsValid(leaf))
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("table stash.vector_outbox_%d does not exist", number),
                    errhint("Drop the extension pg_stash and create it again.")));
  return leaf;
}

}  // namespace

Oid outbox_leaf(int number) {
  const Oid schema = get_namespace_oid("stash", true);
  if (!OidIsValid(schema)) return InvalidOid;
  static const char* const names[outbox_leaves] = {"vector_outbox_0", "vector_outbox_1",
                                                   "vector_outbox_2"};
  return get_relname_relid(names[number], schema);
}

void write_outbox(std::int32_t sync, change what, const char* tenant, const char* key,
                  std::size_t key_size) {
  Relation leaf = table_open(leaf_to_write(), RowExclusiveLock);
  Datum values[outbox_columns];
  bool nulls[outbox_columns] = {};
  values[outbox_at] = TimestampTzGetDatum(GetCurrentStatementStartTimestamp());
  values[outbox_sync] = Int32GetDatum(sync);
  values[outbox_change] = CharGetDatum(static_cast<char>(what));
  nulls[outbox_tenant] = tenant == nullptr;
  values[outbox_tenant] = tenant == nullptr ? 0 : CStringGetTextDatum(tenant);
  values[outbox_key] = PointerGetDatum(cstring_to_text_with_len(key, static_cast<int>(key_size)));
  HeapTuple row = heap_form_tuple(RelationGetDescr(leaf), values, nulls);
  simple_heap_insert(leaf, row);
  heap_freetuple(row);
  pfree(DatumGetPointer(values[outbox_key]));
  if (tenant != nullptr) pfree(DatumGetPointer(values[outbox_tenant]));
  table_close(leaf, NoLock);
  if (!wrote) {
    // The commit must not be the first to look for the slot.
    (void)my_vector_slot();
    wrote = true;
  }
}

void install_outbox_callback() { RegisterXactCallback(at_transaction_end, nullptr); }

}  // namespace stash
