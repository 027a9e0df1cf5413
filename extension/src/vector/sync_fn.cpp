// SQL entry points that change which tables are synchronised. The work is SQL; here is who may.
#include "boundary/guard.hpp"
#include "boundary/ownership.hpp"
#include "cache/arguments.hpp"
#include "session/statement.hpp"
#include "vector/outbox.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace stash {
namespace {

// The transaction changed the configuration; the worker is told when it commits.
bool changed = false;

void at_transaction_end(XactEvent event, void*) {
  if (!changed) return;
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
    return;
  changed = false;
  vector_slot* slot = event == XACT_EVENT_ABORT ? nullptr : my_vector_slot();
  if (slot == nullptr) return;
  slot->configuration++;
  wake_vector_worker(slot);
}

struct call_text {
  bool changes_triggers;
  char text[256];
  int arguments;
  Oid types[8];
  Oid result;
};

// "SELECT stash.NAME_owned($1, …)" for the function that is running.
call_text call_of(Oid function) {
  call_text call = {};
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for function %u", function);
  const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
  call.arguments = form->pronargs;
  call.result = form->prorettype;
  call.changes_triggers = std::strcmp(NameStr(form->proname), "vector_sync_enable") == 0 ||
                          std::strcmp(NameStr(form->proname), "vector_sync_disable") == 0;
  int length =
      snprintf(call.text, sizeof call.text, "SELECT stash.%s_owned(", NameStr(form->proname));
  for (int i = 0; i < call.arguments; i++) {
    call.types[i] = form->proargtypes.values[i];
    length += snprintf(call.text + length, sizeof call.text - static_cast<std::size_t>(length),
                       "%s$%d", i == 0 ? "" : ", ", i + 1);
  }
  strlcat(call.text, ")", sizeof call.text);
  ReleaseSysCache(row);
  return call;
}

}  // namespace

void install_configuration_callback();
void install_configuration_callback() { RegisterXactCallback(at_transaction_end, nullptr); }

// Every function that needs the table's owner: checks, then calls its _owned twin. Results are of
// types passed by value.
STASH_FUNCTION(vector_as_owner) {
  if (PG_ARGISNULL(0)) report_null("relation");
  const Oid relation = PG_GETARG_OID(0);
  check_table_owner(relation);
  const call_text call = call_of(fcinfo->flinfo->fn_oid);
  // Nobody writes while triggers come and go; the check again, for the table may have changed
  // hands.
  LockRelationOid(relation, call.changes_triggers ? ShareRowExclusiveLock : AccessShareLock);
  check_table_owner(relation);
  Datum values[8];
  char nulls[8];
  Oid types[8];
  for (int i = 0; i < call.arguments; i++) {
    types[i] = call.types[i];
    nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
    values[i] = PG_ARGISNULL(i) ? 0 : PG_GETARG_DATUM(i);
  }
  const as_owner owner;
  const int code = SPI_execute_with_args(call.text, call.arguments, types, values, nulls, false, 1);
  if (code < 0) elog(ERROR, "could not run \"%s\": %s", call.text, SPI_result_code_string(code));
  bool null = true;
  const Datum result = SPI_processed == 0
                           ? 0
                           : SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
  owner.finish();
  if (call.result == VOIDOID) PG_RETURN_VOID();
  if (null) PG_RETURN_NULL();
  return result;
}

// vector_note(sync, change)
STASH_FUNCTION(vector_note) {
  const char what = PG_GETARG_CHAR(1);
  if (what != static_cast<char>(change::backfill) && what != static_cast<char>(change::sweep))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no such job: \"%c\"", what)));
  write_outbox(PG_GETARG_INT32(0), static_cast<change>(what), nullptr, "", 0);
  PG_RETURN_VOID();
}

// vector_changed()
STASH_FUNCTION(vector_changed) {
  (void)my_vector_slot();
  changed = true;
  PG_RETURN_VOID();
}

}  // namespace stash
