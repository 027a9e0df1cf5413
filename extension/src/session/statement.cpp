// See statement.hpp.
#include "session/statement.hpp"

#include "cache/namespaces.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_class.h"
}

namespace stash {

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

std::uint64_t run(statement& what, std::initializer_list<argument> values, bool read_only) {
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
  const int code = SPI_execute_snapshot(what.plan, data, nulls, GetLatestSnapshot(),
                                        InvalidSnapshot, read_only, true, 0);
  if (code < 0) elog(ERROR, "could not run \"%s\": %s", what.text, SPI_result_code_string(code));
  return SPI_processed;
}

Datum result(std::uint64_t row, int column, bool* null) {
  return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, null);
}

}  // namespace stash
