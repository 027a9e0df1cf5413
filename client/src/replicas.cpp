// See stash/replicas.hpp.
//
// How old is what a standby says? The primary is asked now and then how far its log reaches: every
// commit that was acknowledged before the question is within that. A standby that has replayed as
// far misses none of them. No clock of another machine takes part, and a standby that is cut off
// from its primary does not look fresh.
//
// Lock: `mutex` guards the samples and the figures of the standbys. Nobody is asked under the lock;
// `checking` keeps a second thread from asking the same.
#include "stash/replicas.hpp"

#include <algorithm>
#include <deque>
#include <mutex>

namespace stash {
namespace {

using steady = std::chrono::steady_clock;
constexpr auto any_age = std::chrono::milliseconds::max();

}  // namespace

struct replicas::standby {
  explicit standby(pool_options options) : connections(std::move(options)) {}

  pool connections;
  std::optional<steady::time_point> as_of;  // it has all that was acknowledged before
  steady::time_point next_check;
  steady::time_point avoid_until;
  bool checking = false;
  std::uint64_t reads = 0;
  std::uint64_t failures = 0;
};

struct replicas::state {
  struct sample {
    steady::time_point asked;
    std::int64_t position;
  };

  state(client& of, replica_options given) : primary(of), options(std::move(given)) {}

  [[nodiscard]] bool young_enough(const standby& one, steady::time_point now) const {
    if (now < one.avoid_until || !one.as_of) return false;
    return options.max_staleness == any_age || now - *one.as_of <= options.max_staleness;
  }

  client& primary;
  replica_options options;
  std::vector<std::unique_ptr<standby>> standbys;
  mutable std::mutex mutex;
  std::deque<sample> samples;  // the oldest first, none older than max_staleness
  std::size_t next = 0;
  bool sampling = false;
  std::uint64_t on_primary = 0;
};

replicas::replicas(client& primary, replica_options options)
    : state_(std::make_unique<state>(primary, std::move(options))) {
  const replica_options& mine = state_->options;
  if (mine.pools.empty()) throw usage_error("replicas need the pool of at least one standby");
  if (mine.check_every >= mine.max_staleness)
    throw usage_error("check_every must be less than max_staleness");
  for (const pool_options& each : mine.pools) {
    pool_options lazy = each;
    lazy.min_size = 0;  // a standby that is down is no error
    state_->standbys.push_back(std::make_unique<standby>(std::move(lazy)));
  }
}

replicas::~replicas() = default;

// Asks the primary how far its log reaches, unless that was done a moment ago.
void replicas::sample_primary() {
  state& all = *state_;
  const steady::time_point now = steady::now();
  {
    const std::lock_guard lock(all.mutex);
    const bool due =
        all.samples.empty() || now - all.samples.back().asked >= all.options.check_every;
    if (!due || all.sampling) return;
    all.sampling = true;
  }
  std::optional<std::int64_t> position;
  try {
    position = all.primary.connections()
                   .acquire()
                   ->execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8", {},
                             all.options.max_staleness)
                   .integer(0, 0);
  } catch (const error&) {
    // No primary: what is known of the standbys ages, and in the end they are not asked.
  }
  const std::lock_guard lock(all.mutex);
  all.sampling = false;
  if (position) all.samples.push_back({now, *position});
  while (!all.samples.empty() && now - all.samples.front().asked > all.options.max_staleness)
    all.samples.pop_front();
}

// Asks a standby how far it is. One that was promoted is none any more.
void replicas::check(standby& one) {
  state& all = *state_;
  const bool bounded = all.options.max_staleness != any_age;
  if (bounded) sample_primary();
  const steady::time_point begun = steady::now();
  std::optional<std::int64_t> replayed;
  bool failed = false;
  try {
    const result rows = one.connections.acquire()->execute(
        "SELECT CASE WHEN pg_is_in_recovery() THEN"
        " pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::int8 END",
        {}, std::chrono::milliseconds{5'000});
    if (!rows.is_null(0, 0)) replayed = rows.integer(0, 0);
  } catch (const error&) {
    failed = true;
  }
  const std::lock_guard lock(all.mutex);
  one.checking = false;
  one.next_check = begun + all.options.check_every;
  if (failed || !replayed) {
    one.failures += failed ? 1 : 0;
    one.avoid_until = begun + all.options.avoid_for;
    one.as_of.reset();
    return;
  }
  if (!bounded) one.as_of = begun;
  for (const state::sample& each : all.samples)
    if (each.position <= *replayed) one.as_of = each.asked;
}

bool replicas::fit(standby& one) {
  state& all = *state_;
  const steady::time_point now = steady::now();
  {
    const std::lock_guard lock(all.mutex);
    if (now < one.avoid_until) return false;
    if (one.checking || now < one.next_check) return all.young_enough(one, now);
    one.checking = true;
  }
  check(one);
  const std::lock_guard lock(all.mutex);
  return all.young_enough(one, steady::now());
}

result replicas::execute(std::string_view sql, const parameters& values, bool again) {
  if (!again) throw usage_error("standbys take no changes");
  state& all = *state_;
  std::size_t first = 0;
  {
    const std::lock_guard lock(all.mutex);
    first = all.next++;
  }
  for (std::size_t i = 0; i < all.standbys.size(); i++) {
    standby& one = *all.standbys[(first + i) % all.standbys.size()];
    if (!fit(one)) continue;
    try {
      result rows = one.connections.acquire()->execute(sql, values);
      const std::lock_guard lock(all.mutex);
      one.reads++;
      return rows;
    } catch (const error& failed) {
      // A conflict with recovery (40001), a pool that is used up, a connection that broke: others
      // may do better. What the statement itself did wrong it would do wrong elsewhere.
      const bool elsewhere = failed.retryable() || failed.why().kind() == failure_kind::timeout;
      if (!elsewhere) throw;
      const std::lock_guard lock(all.mutex);
      one.failures++;
      if (failed.connection_lost()) one.avoid_until = steady::now() + all.options.avoid_for;
    }
  }
  {
    const std::lock_guard lock(all.mutex);
    all.on_primary++;
  }
  return all.primary.transact([&](transaction& work) { return work.execute(sql, values, true); },
                              {.read_only = true});
}

std::vector<replica_status> replicas::status() const {
  const state& all = *state_;
  const std::lock_guard lock(all.mutex);
  const steady::time_point now = steady::now();
  std::vector<replica_status> found;
  for (const auto& each : all.standbys) {
    replica_status one{all.young_enough(*each, now), {}, each->reads, each->failures};
    if (each->as_of) one.staleness = now - *each->as_of;
    found.push_back(one);
  }
  return found;
}

std::uint64_t replicas::reads_on_primary() const {
  const std::lock_guard lock(state_->mutex);
  return state_->on_primary;
}

}  // namespace stash
