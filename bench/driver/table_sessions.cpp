// Sessions: what a request of a web application costs (find the session by its token, push its end
// away), what a log-in costs, and what touches write to the WAL. pg_stash beside its own cache_get,
// a plain INSERT, a table as connect-pg-simple keeps it, and a hash in Redis.
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "figure.hpp"
#include "session_connections.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

constexpr std::uint64_t session_count = 100'000;
constexpr std::uint64_t few_sessions = 1'000;
constexpr std::uint64_t counted_touches = 100'000;
constexpr double read_mark = 0.9;
constexpr double create_mark = 0.8;

const std::vector<session_step> find_session = {
    {"select data from stash.session_get_by_token($1)", {part::token}}};

const std::vector<session_step> get_value = {{"select stash.cache_get($1)", {part::token}}};

const std::vector<session_step> create_session = {
    {"select id, token, expires_at "
     "from stash.session_create($1, data => $2, ip => $3, user_agent => $4)",
     {part::user, part::value, part::address, part::agent},
     verdict::not_null}};

// The row that session_create writes. The client makes the id and the hash, as one would that makes
// its own tokens: the server does nothing for the row but insert it.
const std::vector<session_step> insert_row = {
    {"insert into bench_session_row (generation, id, user_id, data, token_hash, created_at,"
     " updated_at, seen_at, expires_at, absolute_expires_at, ip, user_agent)"
     " values (0, $1, $2, $3, $4, now(), now(), now(), now() + '1 day', now() + '30 days', $5, $6)",
     {part::fresh_id, part::user, part::value, part::fresh_hash, part::address, part::agent},
     verdict::command}};

// The statements of connect-pg-simple's get, touch and set.
const std::vector<session_step> read_table = {
    {"select sess from bench_session where sid = $1 and expire >= to_timestamp($2)",
     {part::token, part::now}},
    {"update bench_session set expire = to_timestamp($1) where sid = $2 returning sid",
     {part::end, part::token},
     verdict::not_null}};

std::vector<session_step> write_table(part sid) {
  return {
      {"insert into bench_session (sess, expire, sid) select $1, to_timestamp($2), $3"
       " on conflict (sid) do update set sess = $1, expire = to_timestamp($2) returning sid",
       {part::value, part::end, sid},
       verdict::not_null}};
}

void make_tables(pg_session& session) {
  session.query("drop table if exists bench_session, bench_session_row");
  session.query("create table bench_session_row (like stash.session_0 including all)");
  session.query(
      "create table bench_session"
      " (sid varchar primary key, sess json not null, expire timestamp(6) not null)");
  session.query("create index on bench_session (expire)");
}

void empty_tables(pg_session& session) {
  // In the order in which the worker locks them.
  session.query("truncate stash.session_touch, stash.session, bench_session, bench_session_row");
}

token_list create_sessions(pg_session& session, std::uint64_t count) {
  constexpr std::uint64_t at_once = 1000;
  random_source random(11);
  auto tokens = std::make_shared<std::vector<std::string>>();
  while (tokens->size() < count) {
    std::string values;
    for (std::uint64_t i = 0; i < at_once; i++) {
      values += i ? ", '" : "'";
      values += pick_value(random);
      values += "'";
    }
    std::istringstream made(
        session.query(std::string("select string_agg(c.token, ' ') from unnest(array[") + values +
                      "]::jsonb[]) with ordinality as v (data, i), lateral stash.session_create("
                      "user_id => (1000000000000000 + v.i)::text, data => v.data, ip => '" +
                      client_address + "', user_agent => '" + client_agent + "') as c"));
    for (std::string token; made >> token;) tokens->push_back(token);
  }
  if (tokens->size() != count) throw std::runtime_error("sessions were not created");
  return tokens;
}

connection_list connect(const session_list& sessions, const std::vector<session_step>& steps,
                        const token_list& tokens) {
  connection_list connections;
  for (const auto& each : sessions) {
    connections.push_back(std::make_unique<pg_session_connection>(*each, steps, tokens));
  }
  return connections;
}

connection_list connect(const servers& where, system_id system, redis_session_request what,
                        std::size_t clients, const token_list& tokens) {
  connection_list connections;
  for (std::size_t i = 0; i < clients; i++) {
    connections.push_back(
        std::make_unique<redis_session_connection>(where.socket_of(system), what, tokens));
  }
  return connections;
}

// One operation for each token. What was not accepted would be measured as fast.
void once_each(const std::string& what, const connection_list& connections, std::uint64_t count) {
  key_space keys = key_space::each_once(count);
  const load_result done = run_load(connections, keys, no_time_limit, 2);
  if (done.counts.rejected > 0) {
    throw std::runtime_error(what + ": " + std::to_string(done.counts.rejected) + " of " +
                             std::to_string(count) + " failed");
  }
}

// The WAL's position, in bytes.
double wal_position(pg_session& session) {
  return parse_figure("the position of the WAL",
                      session.query("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"));
}

// Waits until the tables know every touch that memory knows.
void wait_for_flush(pg_session& session) {
  for (int tries = 0; tries < 600; tries++) {
    const std::string open = session.query(
        "select count(*) from stash.session s left join stash.session_touch t using (id)"
        " where stash.session_freshest(s.id, s.seen_at)"
        " > greatest(s.seen_at, t.touched_at)");
    if (open == "0") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw std::runtime_error("the touches were not written down within a minute");
}

void print_wal(table_run& run) {
  pg_session session(run.chosen.where.conninfo);
  empty_tables(session);
  const token_list tokens = create_sessions(session, few_sessions);
  const session_list sessions = open_sessions(run.chosen.where, 8);
  const connection_list ours = connect(sessions, find_session, tokens);
  const connection_list table = connect(sessions, read_table, tokens);
  once_each("writing the table", connect(sessions, write_table(part::token), tokens), few_sessions);
  // The first touches of a session insert its row; from then on rows are updated.
  once_each("a session's first touch", ours, few_sessions);
  wait_for_flush(session);
  session.query("vacuum analyze stash.session_touch, bench_session");

  // A page's first change after a checkpoint writes the whole page: once for each contestant.
  session.query("checkpoint");
  const double start = wal_position(session);
  once_each("touching sessions", ours, counted_touches);
  const double touched = wal_position(session);
  wait_for_flush(session);
  const double flushed = wal_position(session);
  session.query("checkpoint");
  const double table_start = wal_position(session);
  once_each("touching the table", table, counted_touches);
  const double table_end = wal_position(session);

  markdown_table out({"WAL of 100,000 touches of 1,000 sessions", "bytes", "bytes a touch"});
  const auto add = [&](const std::string& what, double bytes) {
    out.add({what, as_number(bytes, 0), as_number(bytes / counted_touches, 2)});
  };
  add("pg_stash, while they are touched", touched - start);
  add("pg_stash, until the worker has written them down", flushed - start);
  add("table, as connect-pg-simple does it", table_end - table_start);
  out.print(run.titled("What touches write"),
            "Mark: only the batches that the worker writes, a row a session and flush.");
}

struct entrant {
  std::string name;
  connection_list connections;
  double mark;                      // that pg_stash is to reach against it; 0: none
  std::function<void()> prepare{};  // before each turn, outside the measured time
};

using entrants = std::vector<entrant>;

series measure(table_run& run, const std::string& title, entrants& all, int clients) {
  std::vector<contestant> contestants;
  for (const entrant& each : all) {
    contestants.push_back({each.name, [&each, &run, clients](double seconds) {
                             if (each.prepare) each.prepare();
                             key_space keys = key_space::random(session_count);
                             const int threads = run.chosen.threads;
                             return run_load(each.connections, keys, seconds,
                                             threads ? threads : default_threads(clients));
                           }});
  }
  series measured(std::move(contestants), rate_pace(run.chosen, clients));
  run.checks.add(title + ", " + std::to_string(clients) + " clients", measured);
  return measured;
}

// The first entrant is pg_stash's.
template <typename Enter>
void print_rates(table_run& run, const std::string& title, const std::string& note, Enter enter) {
  std::vector<std::vector<std::string>> rows;
  for (const int clients :
       run.chosen.clients ? std::vector<int>{run.chosen.clients} : std::vector<int>{1, 8, 50}) {
    const session_list sessions = open_sessions(run.chosen.where, clients);
    entrants all = enter(sessions);
    const series measured = measure(run, title, all, clients);
    std::vector<std::string> header = {"clients"};
    std::vector<std::string> row = {std::to_string(clients)};
    for (std::size_t i = 0; i < all.size(); i++) {
      header.push_back(all[i].name);
      row.push_back(as_rate(measured.rate(i)));
    }
    for (std::size_t i = 1; i < all.size(); i++) {
      header.push_back("/ " + all[i].name);
      const double ratio = measured.ratio(0, i);
      row.push_back(all[i].mark > 0 ? against_mark(ratio, all[i].mark) : as_number(ratio, 2));
    }
    if (rows.empty()) rows.push_back(header);
    rows.push_back(row);
  }
  markdown_table table(rows.front());
  for (std::size_t i = 1; i < rows.size(); i++) table.add(rows[i]);
  table.print(run.titled(title), note);
}

void print_reads(table_run& run) {
  const servers& where = run.chosen.where;
  pg_session session(where.conninfo);
  empty_tables(session);
  const token_list tokens = create_sessions(session, session_count);
  const std::vector<session_step> set_value = {{"select stash.cache_set($1, $2, fresh => true)",
                                                {part::token, part::value},
                                                verdict::not_null}};
  const std::vector<system_id> rivals = where.present({system_id::redis, system_id::valkey});
  {
    const session_list sessions = open_sessions(where, 2);
    once_each("filling the cache", connect(sessions, set_value, tokens), session_count);
    once_each("filling the table", connect(sessions, write_table(part::token), tokens),
              session_count);
    once_each("finding the sessions", connect(sessions, find_session, tokens), session_count);
    for (const system_id each : rivals) {
      once_each(std::string("filling ") + name_of(each),
                connect(where, each, redis_session_request::fill, 2, tokens), session_count);
    }
  }
  session.query("vacuum analyze stash.session, bench_session");
  print_rates(
      run, "A session found by its token and touched: requests a second",
      "cache_get: as many keys, as large ones and values. Redis: HGETALL and EXPIRE in one "
      "request. table: SELECT, then UPDATE, as connect-pg-simple does it.",
      [&](const session_list& sessions) {
        const double mark = sessions.size() > 1 ? read_mark : 0;
        entrants all;
        all.push_back({"pg_stash", connect(sessions, find_session, tokens), 0});
        all.push_back({"cache_get", connect(sessions, get_value, tokens), mark});
        for (const system_id each : rivals) {
          all.push_back({name_of(each),
                         connect(where, each, redis_session_request::read, sessions.size(), tokens),
                         0});
        }
        all.push_back({"table", connect(sessions, read_table, tokens), 0});
        return all;
      });
}

void print_creates(table_run& run) {
  const servers& where = run.chosen.where;
  pg_session session(where.conninfo);
  const std::vector<system_id> rivals = where.present({system_id::redis, system_id::valkey});
  const auto flush = [&where](system_id system) {
    return [&where, system] { redis_socket(where.socket_of(system)).command("FLUSHALL"); };
  };
  const auto empty = [&session] { empty_tables(session); };
  print_rates(
      run, "Log-ins: sessions created a second",
      "INSERT: the same row into a table with the same indexes, its id and hash made by the "
      "client. Redis: HSET and EXPIRE in one request. table: the upsert of "
      "connect-pg-simple. Tables are empty when a turn begins.",
      [&](const session_list& sessions) {
        entrants all;
        all.push_back({"pg_stash", connect(sessions, create_session, {}), 0, empty});
        all.push_back({"INSERT", connect(sessions, insert_row, {}), create_mark, empty});
        for (const system_id each : rivals) {
          all.push_back({name_of(each),
                         connect(where, each, redis_session_request::create, sessions.size(), {}),
                         0, flush(each)});
        }
        all.push_back({"table", connect(sessions, write_table(part::fresh_token), {}), 0, empty});
        return all;
      });
  for (const system_id each : rivals) flush(each)();
  empty();
}

}  // namespace

void print_sessions(table_run& run) {
  {
    pg_session session(run.chosen.where.conninfo);
    make_tables(session);
  }
  print_reads(run);
  print_creates(run);
  print_wal(run);
}

}  // namespace stash::bench
