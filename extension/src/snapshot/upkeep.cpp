// See upkeep.hpp. Versions are deleted in batches, each a transaction of some milliseconds; the
// trigger on their table tells the collector.
#include "snapshot/upkeep.hpp"

#include "boundary/settings.hpp"
#include "session/record.hpp"
#include "snapshot/collector.hpp"
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

// Argument: from which moment on, since those before it are gone.
statement delete_expired{
    "WITH held AS MATERIALIZED (SELECT v.id, v.expires_at FROM stash.memory_version v"
    " WHERE v.expires_at <= clock_timestamp() AND v.expires_at >= $1 AND NOT v.pinned"
    " ORDER BY v.expires_at LIMIT 200 FOR UPDATE SKIP LOCKED)"
    " DELETE FROM stash.memory_version v USING held h WHERE v.id = h.id RETURNING h.expires_at",
    1,
    {TIMESTAMPTZOID}};
// The next lines with a policy, or without: those cost a look at the policies each.
statement next_lines{
    "SELECT l.id, (stash.memory_rule(l.agent_id)).keep_last,"
    " (stash.memory_rule(l.agent_id)).max_age"
    " FROM stash.memory_line l WHERE l.id > $1 ORDER BY l.id LIMIT 100",
    1,
    {INT8OID}};
statement any_policy{"SELECT FROM stash.memory_retention LIMIT 1", 0, {}};
statement delete_overdue{
    "WITH due AS MATERIALIZED (SELECT o.id, o.version FROM"
    " stash.memory_overdue($1, $2, $3, $4, 200) o), held AS MATERIALIZED (SELECT v.id, v.version"
    " FROM stash.memory_version v WHERE v.id IN (SELECT d.id FROM due d) AND NOT v.pinned"
    " FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM stash.memory_version v USING held h"
    " WHERE v.id = h.id) SELECT max(d.version), count(*) FROM due d",
    4,
    {INT8OID, INT4OID, FLOAT8OID, INT8OID}};

constexpr std::uint64_t versions_at_once = 200;
constexpr std::uint64_t lines_at_once = 100;

int every_second() { return 1000; }
int retention_interval() { return settings::memory_retention_interval_ms; }

bool expire(worker::task_context& context) {
  // Dead entries stand at the beginning of the index until they are vacuumed away.
  timestamp from = DT_NOBEGIN;
  std::uint64_t rows = 0;
  do {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    rows = run(delete_expired, {{TimestampTzGetDatum(from)}});
    for (std::uint64_t row = 0; row < rows; row++) {
      bool null = false;
      from = Max(from, DatumGetTimestampTz(result(row, 1, &null)));
    }
    owner.finish();
    CommitTransactionCommand();
  } while (rows == versions_at_once && !context.out_of_time());
  return rows == versions_at_once;
}

// Where a pass through the lines is.
struct pass {
  std::int64_t line = 0;          // done up to this one
  std::int64_t from_version = 0;  // of the next, when it is begun
};

struct rule {
  std::int64_t line;
  argument keep_last;
  argument max_age;
};

// A batch of a line; false when nothing of it is left to do.
bool retain_line(const rule& by, pass* at) {
  (void)run(
      delete_overdue,
      {{Int64GetDatum(by.line)}, by.keep_last, by.max_age, {Int64GetDatum(at->from_version)}});
  bool null = false;
  const Datum last = result(0, 1, &null);
  if (!null) at->from_version = DatumGetInt64(last) + 1;
  return DatumGetInt64(result(0, 2, &null)) == static_cast<std::int64_t>(versions_at_once);
}

// One transaction; false at the end of the pass.
bool retain_some(pass* at) {
  if (run(any_policy, {}) == 0) return false;
  const std::uint64_t rows = run(next_lines, {{Int64GetDatum(at->line)}});
  SPITupleTable* lines = SPI_tuptable;
  for (std::uint64_t row = 0; row < rows; row++) {
    SPI_tuptable = lines;
    bool no_count = false;
    bool no_age = false;
    bool null = false;
    rule by{DatumGetInt64(result(row, 1, &null)), sql_null, sql_null};
    by.keep_last = {result(row, 2, &no_count)};
    by.max_age = {result(row, 3, &no_age)};
    by.keep_last.null = no_count;
    by.max_age.null = no_age;
    if (no_count && no_age) {
      at->line = by.line;
      continue;
    }
    // One line with something to do a transaction.
    const std::int64_t before = at->from_version;
    if (retain_line(by, at)) return true;
    const bool deleted = at->from_version != before;
    *at = {by.line, 0};
    if (deleted) return true;
  }
  return rows == lines_at_once;
}

bool retain(worker::task_context& context) {
  static pass at;
  bool more = true;
  while (more && !context.out_of_time()) {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    more = retain_some(&at);
    owner.finish();
    CommitTransactionCommand();
  }
  if (!more) at = {};
  return more;
}

// The collection that is under way in this worker; it starts anew after an error.
bool collect(worker::task_context& context) {
  static collection* work = new collection;
  static std::int64_t last_pool = 0;
  static bool in_step = false;
  if (in_step) work->forget();
  in_step = true;
  bool more = true;
  bool busy = false;
  while (more && !busy && !context.out_of_time()) {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    if (!work->active())
      more = work->begin(last_pool) || (last_pool != 0 && work->begin(0));
    else
      (void)work->step(own::after_a_while, &busy);
    last_pool = work->active() ? work->pool() : last_pool;
    owner.finish();
    CommitTransactionCommand();
  }
  in_step = false;
  return more && !busy;
}

}  // namespace

void register_snapshot_tasks() {
  worker::register_worker_task({"expired snapshots", every_second, expire, false, false});
  worker::register_worker_task({"snapshot retention", retention_interval, retain, false, false});
  worker::register_worker_task({"snapshot collector", every_second, collect, false, false});
  worker::register_extension_table("memory_version");
  worker::register_extension_table("memory_discard");
}

}  // namespace stash::memory
