// See upkeep.hpp. Versions are deleted in batches, each a transaction of some milliseconds
// (pace.hpp); the trigger on their table tells the collector.
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
    " ORDER BY v.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)"
    " DELETE FROM stash.memory_version v USING held h WHERE v.id = h.id RETURNING h.expires_at",
    2,
    {TIMESTAMPTZOID, INT8OID}};
// The next lines with a policy, or without: those cost a look at the policies each.
statement next_lines{
    "SELECT l.id, r.keep_last, r.max_age, l.pool, l.last_version"
    " FROM (SELECT m.pool, m.id, m.agent_id, m.last_version FROM stash.memory_line m"
    " WHERE (m.pool, m.id) > ($1, $2) ORDER BY m.pool, m.id LIMIT $3) l"
    " LEFT JOIN LATERAL stash.memory_rule(l.agent_id) r ON true ORDER BY l.pool, l.id",
    3,
    {INT8OID, INT8OID, INT8OID}};
statement any_policy{"SELECT FROM stash.memory_retention LIMIT 1", 0, {}};
statement delete_overdue{
    "WITH due AS MATERIALIZED (SELECT o.id, o.version FROM"
    " stash.memory_overdue($1, $2, $3, $4, $5, $6) o), held AS MATERIALIZED (SELECT v.id, v.version"
    " FROM stash.memory_version v WHERE v.id IN (SELECT d.id FROM due d) AND NOT v.pinned"
    " FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM stash.memory_version v USING held h"
    " WHERE v.id = h.id) SELECT max(d.version), count(*) FROM due d",
    6,
    {INT8OID, INT4OID, FLOAT8OID, INT8OID, INT8OID, INT4OID}};

constexpr pace first_pace{20, 50, 500};
constexpr pace first_numbers{1000, 10'000, INT64_MAX / 4};

int every_second() { return 1000; }
int retention_interval() { return settings::memory_retention_interval_ms; }

bool expire(worker::task_context& context) {
  // Dead entries stand at the beginning of the index until they are vacuumed away.
  timestamp from = DT_NOBEGIN;
  static pace versions = first_pace;
  std::uint64_t rows = 0;
  bool more = true;
  while (more && !context.out_of_time()) {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    const std::int64_t begun = GetCurrentTimestamp();
    rows = run(delete_expired, {{TimestampTzGetDatum(from)}, {Int64GetDatum(versions.size())}});
    more = rows == static_cast<std::uint64_t>(versions.size());
    if (more || rows == 0) versions.took(GetCurrentTimestamp() - begun);
    for (std::uint64_t row = 0; row < rows; row++) {
      bool null = false;
      from = Max(from, DatumGetTimestampTz(result(row, 1, &null)));
    }
    owner.finish();
    CommitTransactionCommand();
  }
  return more;
}

// Where a pass through the lines is.
struct pass {
  std::int64_t pool = 0;  // done up to this line
  std::int64_t line = 0;
  std::int64_t from_version = 0;  // of the next, when it is begun
  pace versions = first_pace;
  pace lines = first_pace;
  // How many numbers of a line are looked through at once: most may belong to versions that stay,
  // or to some that are gone and not vacuumed away.
  pace numbers = first_numbers;
};

struct rule {
  std::int64_t pool;
  std::int64_t line;
  argument keep_last;
  argument max_age;
  std::int64_t last_version;
};

// A batch of a line; false when nothing of it is left to do.
bool retain_line(const rule& by, pass* at) {
  const std::int64_t begun = GetCurrentTimestamp();
  const std::int64_t most = at->versions.size();
  if (at->from_version == 0) at->numbers = first_numbers;
  const std::int64_t until = at->from_version + at->numbers.size();
  (void)run(delete_overdue, {{Int64GetDatum(by.line)},
                             by.keep_last,
                             by.max_age,
                             {Int64GetDatum(at->from_version)},
                             {Int64GetDatum(until)},
                             {Int32GetDatum(static_cast<std::int32_t>(most))}});
  bool null = false;
  const Datum last = result(0, 1, &null);
  const bool full = !null && DatumGetInt64(result(0, 2, &null)) == most;
  at->from_version = full ? DatumGetInt64(last) + 1 : until;
  (full ? at->versions : at->numbers).took(GetCurrentTimestamp() - begun);
  return full || until <= by.last_version;
}

// One transaction, of many lines when each has little to do; false at the end of the pass.
bool retain_some(pass* at) {
  const std::int64_t begun = GetCurrentTimestamp();
  if (run(any_policy, {}) == 0) return false;
  // In the middle of a line the others wait.
  const std::int64_t most = at->from_version > 0 ? 1 : at->lines.size();
  const std::uint64_t rows = run(
      next_lines, {{Int64GetDatum(at->pool)}, {Int64GetDatum(at->line)}, {Int64GetDatum(most)}});
  if (most > 1) at->lines.took(GetCurrentTimestamp() - begun);
  SPITupleTable* lines = SPI_tuptable;
  for (std::uint64_t row = 0; row < rows; row++) {
    SPI_tuptable = lines;
    bool no_count = false;
    bool no_age = false;
    bool null = false;
    rule by{DatumGetInt64(result(row, 4, &null)), DatumGetInt64(result(row, 1, &null)), sql_null,
            sql_null, DatumGetInt64(result(row, 5, &null))};
    by.keep_last = {result(row, 2, &no_count)};
    by.max_age = {result(row, 3, &no_age)};
    by.keep_last.null = no_count;
    by.max_age.null = no_age;
    if (no_count && no_age) {
      at->pool = by.pool;
      at->line = by.line;
      continue;
    }
    if (retain_line(by, at)) return true;
    at->pool = by.pool;
    at->line = by.line;
    at->from_version = 0;
    if (GetCurrentTimestamp() - begun > pace::too_long) return true;
  }
  return rows == static_cast<std::uint64_t>(most);
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
  if (!more) {
    at.pool = 0;
    at.line = 0;
    at.from_version = 0;
  }
  return more;
}

// The collection that is under way in this worker; it starts anew after an error.
struct collecting {
  collection work;
  std::int64_t last_pool = 0;
  int refusals = 0;  // how often its pool was in use, one after the other
  bool in_step = false;
};

// One transaction. False when there is nothing to do, or nothing that can be done now: a pool that
// somebody holds for long must not keep the collector from the others, nor keep it running.
bool collect_some(collecting* at, int* passed_by) {
  constexpr int most_refusals = 5;
  bool busy = false;
  if (at->work.active()) {
    (void)at->work.step(own::after_a_while, &busy);
    at->refusals = busy ? at->refusals + 1 : 0;
    if (at->refusals < most_refusals) return !busy;
    // It is still queued.
    at->work.forget();
    ++*passed_by;
    return true;
  }
  at->refusals = 0;
  if (!at->work.begin(at->last_pool, own::after_a_while, &busy)) {
    const bool again = at->last_pool != 0 && *passed_by == 0;
    at->last_pool = 0;
    return again;
  }
  at->last_pool = at->work.pool();
  if (busy) ++*passed_by;
  return true;
}

bool collect(worker::task_context& context) {
  static auto* at = new collecting;
  if (at->in_step) at->work.forget();
  at->in_step = true;
  bool more = true;
  for (int passed_by = 0; more && !context.out_of_time();) {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    more = collect_some(at, &passed_by);
    owner.finish();
    CommitTransactionCommand();
  }
  at->in_step = false;
  return more;
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
