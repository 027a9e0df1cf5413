// See contestants.hpp. The SQL of every contestant stands here and nowhere else.
#include "contestants.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace stash::bench {

namespace {

constexpr Oid text_oid = 25;
constexpr int fill_batch = 1000;
constexpr int fill_clients = 2;

statement stash_statement(operation what, request_shape shape) {
  const bool many = shape.batch > 1;
  if (what == operation::get) {
    return {.sql = many ? "select stash.cache_get_many($1)" : "select stash.cache_get($1)",
            .expect = many ? verdict::array : verdict::value};
  }
  return {.sql = many ? "select stash.cache_set_many($1, $2)" : "select stash.cache_set($1, $2)",
          .takes_value = true,
          .expect = many ? verdict::count : verdict::not_null};
}

statement floor_statement(operation what, request_shape shape) {
  if (shape.batch > 1) throw std::logic_error("the floor has no batches");
  if (what == operation::get) return {.sql = "select rpad($1, 250, 'x')"};
  return {.sql = "select octet_length($1) + octet_length($2)",
          .takes_value = true,
          .expect = verdict::not_null,
          .value_type = text_oid};
}

// PostgreSQL parses the text of a value into jsonb before any function is called. The official
// floor does not have that; this one does, and says how much of a set it is.
statement floor_jsonb_statement(operation what, request_shape shape) {
  if (what == operation::get) return floor_statement(what, shape);
  return {.sql = "select octet_length($1) + pg_column_size($2)",
          .takes_value = true,
          .expect = verdict::not_null};
}

statement table_statement(operation what, request_shape shape) {
  if (shape.batch > 1) throw std::logic_error("the table has no batches");
  if (what == operation::get) return {.sql = "select value from bench_table where key = $1"};
  return {.sql =
              "insert into bench_table values ($1, $2) "
              "on conflict (key) do update set value = excluded.value",
          .takes_value = true,
          .expect = verdict::command};
}

void fill_with(const connection_list& connections, const std::string& whom, std::uint64_t count) {
  key_space keys = key_space::each_once(count);
  const load_result result =
      run_load(connections, keys, no_time_limit, static_cast<int>(connections.size()));
  if (result.counts.rejected > 0) {
    throw std::runtime_error(whom + " refused " + std::to_string(result.counts.rejected) + " of " +
                             std::to_string(count) + " entries while it was filled");
  }
}

}  // namespace

const char* name_of(system_id system) {
  switch (system) {
    case system_id::stash:
      return "pg_stash";
    case system_id::floor:
      return "floor";
    case system_id::floor_jsonb:
      return "floor, jsonb";
    case system_id::table:
      return "table";
    case system_id::redis:
      return "Redis";
    case system_id::valkey:
      return "Valkey";
  }
  return "";
}

const char* name_of(operation what) { return what == operation::get ? "get" : "set"; }

bool is_postgres(system_id system) {
  return system != system_id::redis && system != system_id::valkey;
}

const std::string& servers::socket_of(system_id system) const {
  return system == system_id::valkey ? valkey_socket : redis_socket;
}

bool servers::has(system_id system) const {
  return is_postgres(system) || !socket_of(system).empty();
}

std::vector<system_id> servers::present(const std::vector<system_id>& wanted) const {
  std::vector<system_id> found;
  for (const system_id each : wanted) {
    if (has(each)) found.push_back(each);
  }
  return found;
}

session_list open_sessions(const servers& where, int clients) {
  session_list sessions;
  for (int i = 0; i < clients; i++) {
    sessions.push_back(std::make_unique<pg_session>(where.conninfo));
  }
  return sessions;
}

statement statement_of(system_id system, operation what, request_shape shape) {
  statement found;
  if (system == system_id::stash) {
    found = stash_statement(what, shape);
  } else if (system == system_id::floor) {
    found = floor_statement(what, shape);
  } else if (system == system_id::floor_jsonb) {
    found = floor_jsonb_statement(what, shape);
  } else {
    found = table_statement(what, shape);
  }
  found.batch = shape.batch;
  found.pipeline = shape.pipeline;
  return found;
}

connection_list connect(const session_list& sessions, const statement& what) {
  connection_list connections;
  for (const auto& session : sessions) {
    connections.push_back(std::make_unique<pg_connection>(*session, what));
  }
  return connections;
}

connection_list connect(const servers& where, system_id system, operation what, request_shape shape,
                        const session_list& sessions) {
  if (is_postgres(system)) return connect(sessions, statement_of(system, what, shape));
  connection_list connections;
  const redis_request request{what == operation::set, shape.batch, shape.pipeline};
  for (std::size_t i = 0; i < sessions.size(); i++) {
    connections.push_back(std::make_unique<redis_connection>(where.socket_of(system), request));
  }
  return connections;
}

namespace {

// Whoever changes data, CREATE EXTENSION too, has blind sets refused for stash.blind_fill_guard
// (5 s). Sets that are refused would be measured as fast ones.
void wait_for_blind_sets(pg_session& session) {
  for (int tries = 0; tries < 200; tries++) {
    if (!session.query("select stash.cache_set('bench', '1', 1)").empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw std::runtime_error("stash.cache_set was refused for 20 seconds");
}

}  // namespace

void prepare_database(pg_session& session) {
  if (session.query("select to_regnamespace('stash')").empty()) {
    session.query("create extension pg_stash");
  }
  session.query("set client_min_messages = warning");
  session.query("drop table if exists bench_table");
  session.query("create unlogged table bench_table (key text primary key, value jsonb)");
  wait_for_blind_sets(session);
}

void fill(const servers& where, system_id system, std::uint64_t count, const std::string& options) {
  if (system == system_id::floor || system == system_id::floor_jsonb) return;
  const int batch = static_cast<int>(std::min<std::uint64_t>(count, fill_batch));
  const session_list sessions = open_sessions(where, count > fill_batch ? fill_clients : 1);
  if (system == system_id::stash) {
    fill_with(connect(sessions, {.sql = "select stash.cache_set_many($1, $2, " + options + ")",
                                 .takes_value = true,
                                 .expect = verdict::count,
                                 .batch = batch}),
              name_of(system), count);
  } else if (system == system_id::table) {
    sessions[0]->query("truncate bench_table");
    fill_with(connect(where, system, operation::set, {.batch = 1, .pipeline = 100}, sessions),
              name_of(system), count);
    sessions[0]->query("vacuum analyze bench_table");
  } else {
    fill_with(connect(where, system, operation::set, {.batch = batch, .pipeline = 1}, sessions),
              name_of(system), count);
  }
}

}  // namespace stash::bench
