// See reap.hpp. Statements here run with the search_path pinned.
#include "session/reap.hpp"

#include <optional>

#include "session/live_touch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Whoever reads a session decides by the exact moment; reaping waits a little longer, so that a
// touch which was decided just before the limit is in memory by the time that it is asked.
constexpr timestamp margin = 1 * microseconds_per_second;

#define CANDIDATES                                                                    \
  "SELECT s.id, s.created_at, greatest(s.seen_at, (SELECT t.touched_at"               \
  " FROM stash.session_touch t WHERE t.id = s.id LIMIT 1)), s.expires_at, s.idle_ttl" \
  " FROM stash.session s WHERE "

statement expired_sessions{
    CANDIDATES
    "s.expires_at >= $1 AND s.expires_at <= $2 ORDER BY s.expires_at LIMIT $3"
    " FOR UPDATE OF s SKIP LOCKED",
    3,
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
statement due_sessions{CANDIDATES
                       "s.id IN (SELECT d.id FROM stash.session_touch d WHERE d.due_at <= $1"
                       " AND d.due_at < 'infinity' ORDER BY d.due_at LIMIT $2)"
                       " FOR UPDATE OF s SKIP LOCKED",
                       2,
                       {TIMESTAMPTZOID, INT8OID}};
statement unused_sessions{
    CANDIDATES
    "stash.session_freshest(s.id, greatest(s.seen_at, coalesce((SELECT t.touched_at"
    " FROM stash.session_touch t WHERE t.id = s.id LIMIT 1), s.seen_at))) <= $1"
    " AND s.expires_at > $2 LIMIT $3 FOR UPDATE OF s SKIP LOCKED",
    3,
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};

#undef CANDIDATES

// Sessions that live are looked at again when their freshest touch says so.
statement postpone{
    "UPDATE stash.session_touch t SET due_at = held.due_at"
    " FROM (SELECT h.id, g.due_at FROM stash.session_touch h, unnest($1, $2) AS g (id, due_at)"
    " WHERE h.id = g.id FOR UPDATE OF h SKIP LOCKED) AS held WHERE t.id = held.id",
    2,
    {UUIDARRAYOID, TIMESTAMPTZARRAYOID}};
// A touch whose session is gone, in a row older than so many transactions.
statement drop_orphans{
    "DELETE FROM stash.session_touch t USING (SELECT h.id FROM stash.session_touch h"
    " WHERE h.due_at <= $1 AND h.due_at < 'infinity' AND age(h.xmin) >= $2"
    " AND NOT EXISTS (SELECT FROM stash.session s WHERE s.id = h.id)"
    " FOR UPDATE SKIP LOCKED) AS held WHERE t.id = held.id",
    2,
    {TIMESTAMPTZOID, INT4OID}};

// Those that are due never: a session ended while somebody wrote its touch.
statement drop_all_orphans{
    "DELETE FROM stash.session_touch t USING (SELECT h.id FROM stash.session_touch h"
    " WHERE h.due_at = 'infinity' AND age(h.xmin) >= $2"
    " AND NOT EXISTS (SELECT FROM stash.session s WHERE s.id = h.id) LIMIT $1"
    " FOR UPDATE SKIP LOCKED) AS held WHERE t.id = held.id",
    2,
    {INT8OID, INT4OID}};

// A restore fills the tables in any order, and a touch that came before its session is no orphan.
// So only rows go that were there a look ago; looks are stash.session_orphan_retention apart, and a
// new worker begins anew.
struct {
  FullTransactionId last_look;
  FullTransactionId look_before;
} orphans{};

// In transactions; nothing before the second look.
std::optional<std::int32_t> age_of_orphans() {
  if (!FullTransactionIdIsValid(orphans.look_before)) return std::nullopt;
  const std::uint64_t age = U64FromFullTransactionId(ReadNextFullTransactionId()) -
                            U64FromFullTransactionId(orphans.look_before);
  return static_cast<std::int32_t>(Min(age, static_cast<std::uint64_t>(PG_INT32_MAX)));
}

void postpone_living(std::span<const candidate> living) {
  if (living.empty()) return;
  const auto count = static_cast<int>(living.size());
  auto* ids = static_cast<Datum*>(palloc(sizeof(Datum) * living.size()));
  auto* moments = static_cast<Datum*>(palloc(sizeof(Datum) * living.size()));
  for (std::size_t i = 0; i < living.size(); i++) {
    ids[i] = uuid_datum(living[i].id);
    moments[i] = TimestampTzGetDatum(
        living[i].idle_limit == never ? never : living[i].seen_at + living[i].idle_limit);
  }
  (void)run(
      postpone,
      {{PointerGetDatum(construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR))},
       {PointerGetDatum(
           construct_array(moments, count, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE))}});
}

// Ends those of the last run's candidates that `judge` says ended; hands the others to `keep`.
template <typename Judge>
std::uint64_t end_overdue(std::span<candidate> all, const char* by, Judge judge,
                          std::span<candidate>* living) {
  auto* endings = static_cast<ending*>(palloc(sizeof(ending) * Max(all.size(), std::size_t{1})));
  std::size_t ended = 0;
  std::size_t kept = 0;
  for (const candidate& each : all) {
    if (judge(each, &endings[ended]))
      ended++;
    else
      all[kept++] = each;
  }
  if (living != nullptr) *living = all.first(kept);
  return end_sessions({endings, ended}, nullptr, by);
}

// Dead entries stand at the beginning of the index until they are vacuumed away: going past them
// again with each batch would take longer and longer.
timestamp expired_from = 0;
int batches_since_start = 0;

}  // namespace

std::uint64_t reap_expired(std::int64_t batch, const char* by) {
  constexpr int batches_a_pass = 100;
  const timestamp now = GetCurrentTimestamp();
  const bool from_start = batches_since_start++ % batches_a_pass == 0;
  if (from_start) expired_from = DT_NOBEGIN;
  const std::span<candidate> all = find_candidates(
      expired_sessions,
      {{TimestampTzGetDatum(expired_from)}, {TimestampTzGetDatum(now)}, {Int64GetDatum(batch)}});
  const std::uint64_t found = all.size();
  if (found < static_cast<std::uint64_t>(batch)) batches_since_start = 0;
  timestamp last = expired_from;
  const std::uint64_t ended = end_overdue(
      all, by,
      [&](const candidate& each, ending* end) {
        last = Max(last, each.expires_at);
        *end = overdue_ending(each);
        return true;
      },
      nullptr);
  expired_from = last;
  // Before where it began may be what somebody had locked, or what a batch ended in vain.
  if (found < static_cast<std::uint64_t>(batch) && !from_start)
    return ended + reap_expired(batch - static_cast<std::int64_t>(ended), by);
  return ended;
}

std::uint64_t reap_idle(std::int64_t batch, const char* by) {
  const timestamp now = GetCurrentTimestamp();
  const Datum due = TimestampTzGetDatum(now - margin);
  const std::span<candidate> all = find_candidates(due_sessions, {{due}, {Int64GetDatum(batch)}});
  std::span<candidate> living;
  const std::uint64_t ended = end_overdue(
      all, by,
      [&](const candidate& each, ending* end) {
        const session_end how = ended_by(each, now - margin);
        if (how == session_end::none || !each.exact) return false;
        *end = overdue_ending(each);
        return true;
      },
      &living);
  postpone_living(living);
  // Locked rows are left; so are touches of sessions that are gone, which nothing else would meet.
  if (const auto age = age_of_orphans(); age && all.empty())
    (void)run(drop_orphans, {{due}, {Int32GetDatum(*age)}});
  return ended;
}

void drop_orphaned_touches() {
  constexpr std::int64_t at_once = 1000;
  orphans.look_before = orphans.last_look;
  orphans.last_look = ReadNextFullTransactionId();
  const auto age = age_of_orphans();
  if (!age) return;
  while (run(drop_all_orphans, {{Int64GetDatum(at_once)}, {Int32GetDatum(*age)}}) == at_once)
    CHECK_FOR_INTERRUPTS();
}

std::uint64_t reap_unused(timestamp idle, std::int64_t batch, const char* by) {
  const timestamp now = GetCurrentTimestamp();
  const std::span<candidate> all = find_candidates(
      unused_sessions,
      {{TimestampTzGetDatum(now - idle)}, {TimestampTzGetDatum(now)}, {Int64GetDatum(batch)}});
  return end_overdue(
      all, by,
      [&](const candidate& each, ending* end) {
        // Touched since the statement asked?
        if (now - each.seen_at < idle || !each.exact) return false;
        *end = {each.id, end_kind::idle, now, each.seen_at};
        return true;
      },
      nullptr);
}

}  // namespace stash
