// What a million expired sessions do to those who log in while the worker reclaims them, and what
// is left of their space: round after round the same.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "figure.hpp"
#include "login_clients.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

using clock = std::chrono::steady_clock;
using login_times = login_clients::times;

constexpr int clients = 8;
constexpr double logins_a_second = 400;
constexpr int login_ttl = 20;  // seconds; so that those who log in don't fill the table themselves
constexpr double slow_mark = login_clients::slow_milliseconds;
constexpr double growth_mark = 1.1;

struct shape {
  std::uint64_t expired;
  int rounds;
  std::chrono::seconds quiet;  // how long log-ins are watched without expired sessions
};

struct sizes {
  double sessions = 0;  // megabytes, indexes and all; the touches' too
  double history = 0;
};

struct round_result {
  login_times without, reaping, returning;
  double reaped_after = 0;    // seconds
  double returned_after = 0;  // seconds; negative: not within the time it was given
  sizes before, peak, after;
};

double megabytes(pg_session& session, const std::string& tables) {
  return parse_figure("the size of " + tables,
                      session.query("select coalesce(sum(pg_total_relation_size(oid)), 0) / 1e6"
                                    " from pg_class where relnamespace = 'stash'::regnamespace"
                                    " and relkind = 'r' and relname ~ '^(" +
                                    tables + ")$'"));
}

sizes measure_sizes(pg_session& session) {
  return {megabytes(session, "session_[01]|session_touch_[01]"),
          megabytes(session, "session_history_[0-9]")};
}

// Expired within the last two hours, in the order of their ids, as the log-ins of a busy day are.
void insert_expired(pg_session& session, std::uint64_t count) {
  session.query(
      "insert into stash.session (generation, id, user_id, data, token_hash, created_at, "
      "updated_at,"
      " seen_at, expires_at, absolute_expires_at, ip, user_agent)"
      " select coalesce((select generation from stash.session order by created_at desc limit 1), "
      "0),"
      " (lpad(to_hex((extract(epoch from t) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3)"
      " || '8' || substr(h, 4, 15))::uuid,"
      " 'user' || i, to_jsonb(repeat(h, 8)), sha256(h::bytea), t, t, t, t + '1 day',"
      " t + '30 days', '203.0.113.77', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0'"
      " from (select i, md5(i::text || random()::text) as h,"
      " now() - '26 hours'::interval + i * ('1 hour'::interval / " +
      std::to_string(count) + ") as t from generate_series(1, " + std::to_string(count) +
      ") as i) as made");
}

// Looks at the last ones to expire only: the worker goes from the first to the last, and a look at
// all of them would be a load of its own.
bool is_reaped(pg_session& session, const std::string& inserted_at) {
  return session.query("select not exists (select from stash.session where expires_at between '" +
                       inserted_at + "'::timestamptz - '1 hour 1 second'::interval and '" +
                       inserted_at + "'::timestamptz - '1 hour'::interval)") == "t";
}

// One generation is empty again, and not that of the expired: the other one could only be larger.
bool is_returned(pg_session& session, double peak) {
  const std::string empty = session.query(
      "select pg_relation_size('stash.session_0') = 0 or pg_relation_size('stash.session_1') = 0");
  return empty == "t" && measure_sizes(session).sessions < peak / 2;
}

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

// Asks every 200 ms; the seconds since `start`, negative when it lasts longer than that.
template <typename Condition>
double wait_until(clock::time_point start, double longest, Condition is_met) {
  while (!is_met()) {
    if (seconds_since(start) > longest) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return seconds_since(start);
}

round_result run_round(pg_session& session, login_clients& logins, const shape& how) {
  round_result round;
  (void)logins.take();
  std::this_thread::sleep_for(how.quiet);
  round.without = logins.take();
  round.before = measure_sizes(session);

  session.query("begin");
  const std::string inserted_at = session.query("select now()");
  insert_expired(session, how.expired);
  round.peak = measure_sizes(session);
  (void)logins.take();
  session.query("commit");
  const auto start = clock::now();
  round.reaped_after = wait_until(start, 1800, [&] { return is_reaped(session, inserted_at); });
  round.reaping = logins.take();
  if (round.reaped_after < 0) throw std::runtime_error("expired sessions are not reaped");
  round.returned_after = wait_until(start, round.reaped_after + 120,
                                    [&] { return is_returned(session, round.peak.sessions); });
  round.returning = logins.take();
  round.after = measure_sizes(session);
  return round;
}

std::string as_megabytes(double number) { return as_number(number, 1) + " MB"; }

std::string as_milliseconds(const login_times& seen) {
  return as_number(seen.slowest_milliseconds, 1);
}

std::string against_slow_mark(const login_times& seen) {
  const bool met = seen.slowest_milliseconds <= slow_mark;
  return as_milliseconds(seen) + " (≤ " + as_number(slow_mark, 0) +
         (met ? ")"
              : " **missed** by " + std::to_string(seen.slow) + " of " +
                    std::to_string(seen.statements) + ")");
}

}  // namespace

void print_reclaim(table_run& run) {
  const shape how = run.chosen.quick ? shape{100'000, 2, std::chrono::seconds(5)}
                                     : shape{1'000'000, 5, std::chrono::seconds(15)};
  pg_session session(run.chosen.where.conninfo);
  // In the order in which the worker locks them.
  session.query("truncate stash.session_touch, stash.session");
  login_clients logins(run.chosen.where.conninfo, clients, logins_a_second, login_ttl);
  // Until as many of their sessions expire as are created, and the backends know the tables.
  std::this_thread::sleep_for(std::chrono::seconds(login_ttl + 5));

  markdown_table speed({"round", "reaped after, s", "space back after, s",
                        "slowest statement without, ms", "while reaping, ms",
                        "until the space is back, ms"});
  markdown_table space({"round", "before", "with the expired", "after",
                        "with the expired, of round 1", "history (kept by design)"});
  double first_peak = 0;
  for (int i = 1; i <= how.rounds; i++) {
    const round_result round = run_round(session, logins, how);
    if (i == 1) first_peak = round.peak.sessions;
    const double growth = round.peak.sessions / first_peak;
    speed.add({std::to_string(i), as_number(round.reaped_after, 1),
               round.returned_after < 0 ? "not" : as_number(round.returned_after, 1),
               as_milliseconds(round.without), against_slow_mark(round.reaping),
               against_slow_mark(round.returning)});
    space.add({std::to_string(i), as_megabytes(round.before.sessions),
               as_megabytes(round.peak.sessions), as_megabytes(round.after.sessions),
               i == 1 ? "1" : against_mark(growth, growth_mark, better::lower),
               as_megabytes(round.after.history)});
  }
  const std::string count = as_rate(static_cast<double>(how.expired));
  speed.print(run.titled(count + " expired sessions reclaimed while 8 clients log in"),
              "400 log-ins a second: a session is created and found by its token, and lives 20 s. "
              "The slowest of these statements, as the client saw it.");
  space.print(run.titled("Size of stash.session and stash.session_touch with their indexes"));
}

}  // namespace stash::bench
