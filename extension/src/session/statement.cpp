// See statement.hpp.
#include "session/statement.hpp"

#include "cache/namespaces.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "jit/jit.h"
#include "optimizer/plancat.h"
}

namespace stash {
namespace {

get_relation_info_hook_type next_hook = nullptr;
// One of our statements is running, and may be planned first.
bool ours = false;

void take_for_large(RelOptInfo* table) {
  constexpr BlockNumber pages = 50'000;
  constexpr double tuples = 1e6;
  table->pages = Max(table->pages, pages);
  table->tuples = Max(table->tuples, tuples);
  ListCell* cell;
  foreach (cell, table->indexlist) {
    auto* index = static_cast<IndexOptInfo*>(lfirst(cell));
    index->pages = Max(index->pages, pages / 10);
    index->tuples = Max(index->tuples, tuples);
    index->tree_height = Max(index->tree_height, 2);
  }
}

void on_relation_info(PlannerInfo* root, Oid table, bool parent, RelOptInfo* about) {
  if (next_hook != nullptr) next_hook(root, table, parent, about);
  if (ours && !parent && get_rel_namespace(table) == get_namespace_oid("stash", true))
    take_for_large(about);
}

int execute(SPIPlanPtr plan, Datum* data, const char* nulls, Snapshot snapshot, bool read_only) {
  const bool before = ours;
  // Such costs would have the statements compiled, which takes far longer than to run them.
  const bool jit_before = jit_enabled;
  volatile int code = 0;
  PG_TRY();
  {
    ours = true;
    jit_enabled = false;
    code = SPI_execute_snapshot(plan, data, nulls, snapshot, InvalidSnapshot, read_only, true, 0);
  }
  PG_FINALLY();
  {
    ours = before;
    jit_enabled = jit_before;
  }
  PG_END_TRY();
  return code;
}

}  // namespace

void install_size_hook() {
  next_hook = get_relation_info_hook;
  get_relation_info_hook = on_relation_info;
}

Oid tables_owner() {
  const Oid schema = get_namespace_oid("stash", true);
  const Oid table = OidIsValid(schema) ? get_relname_relid("session", schema) : InvalidOid;
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row))
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table stash.session does not exist"),
                    errhint("Run CREATE EXTENSION pg_stash in this database.")));
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
  ReleaseSysCache(row);
  return owner;
}

void begin_upkeep() {
  StartTransactionCommand();
  (void)set_config_option("lock_timeout", "1s", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                          false);
}

as_owner::as_owner() {
  check_versions();
  GetUserIdAndSecContext(&user_, &context_);
  SetUserIdAndSecContext(tables_owner(), context_ | SECURITY_LOCAL_USERID_CHANGE);
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
}

void as_owner::finish() const {
  SPI_finish();
  SetUserIdAndSecContext(user_, context_);
}

namespace {

std::uint64_t run_with(statement& what, std::initializer_list<argument> values, bool seen,
                       bool read_only) {
  if (what.plan == nullptr) {
    SPIPlanPtr plan = SPI_prepare(what.text, what.argument_count, what.arguments);
    if (plan == nullptr)
      elog(ERROR, "could not prepare \"%s\": %s", what.text, SPI_result_code_string(SPI_result));
    SPI_keepplan(plan);
    what.plan = plan;
  }
  constexpr int most = 20;
  Datum data[most];
  char nulls[most];
  int at = 0;
  for (const argument& each : values) {
    data[at] = each.value;
    nulls[at++] = each.null ? 'n' : ' ';
  }
  const Snapshot snapshot = seen ? GetActiveSnapshot() : GetLatestSnapshot();
  const int code = execute(what.plan, data, nulls, snapshot, read_only);
  if (code < 0) elog(ERROR, "could not run \"%s\": %s", what.text, SPI_result_code_string(code));
  return SPI_processed;
}

}  // namespace

std::uint64_t run(statement& what, std::initializer_list<argument> values, bool read_only) {
  return run_with(what, values, false, read_only);
}

std::uint64_t run_as_seen(statement& what, std::initializer_list<argument> values) {
  return run_with(what, values, true, true);
}

Datum result(std::uint64_t row, int column, bool* null) {
  return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, null);
}

}  // namespace stash
