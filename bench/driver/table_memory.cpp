// Bytes an entry: what a million entries cost, and how many entries the whole segment holds when it
// is just full, which counts everything that the segment needs beside its entries.
#include "figure.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

constexpr std::uint64_t counted_keys = 1'000'000;
constexpr double mark = 1.1;

// used_memory, in bytes.
double redis_memory(redis_connection& redis) {
  return parse_figure_after("the answer to INFO memory", redis.command("INFO memory"),
                            "used_memory:");
}

// What Redis keeps for a million keys, written without and with a time to live.
double redis_bytes(const servers& where, system_id system, bool with_ttl) {
  redis_connection redis(where.socket_of(system), {});
  redis.command("FLUSHALL");
  const double before = redis_memory(redis);
  if (with_ttl) {
    const redis_request request{.takes_value = true, .pipeline = 100, .ttl = 3600};
    connection_list connections;
    connections.push_back(std::make_unique<redis_connection>(where.socket_of(system), request));
    key_space keys = key_space::each_once(counted_keys);
    run_load(connections, keys, no_time_limit, 1);
  } else {
    fill(where, system, counted_keys);
  }
  const double used = redis_memory(redis) - before;
  redis.command("FLUSHALL");
  return used / static_cast<double>(counted_keys);
}

double number(pg_session& session, const std::string& sql) {
  return parse_figure("the answer to " + sql, session.query(sql));
}

}  // namespace

void print_memory(table_run& run) {
  const servers& where = run.chosen.where;
  pg_session session(where.conninfo);
  session.query("select stash.cache_clear('default')");
  fill(where, system_id::stash, counted_keys);
  const double entries = number(session, "select stash.cache_info()->>'entries'");
  const double stash = number(session, "select stash.cache_info()->>'bytes_used'") / entries;

  // The segment is full when entries are evicted; writing on changes nothing then.
  // What pg_shmem_allocations would say does not cover a mapping of the store's own.
  const double segment = number(session, "select stash.cache_info()->>'memory'");
  const auto enough = static_cast<std::uint64_t>(segment / 250 / 1000) * 1000;
  fill(where, system_id::stash, enough);
  const double full = number(session, "select stash.cache_info()->>'entries'");
  const bool was_full = full < static_cast<double>(enough);

  markdown_table table({"bytes an entry", "entries", "pg_stash", "Redis", "ratio"});
  const auto add = [&](const std::string& what, double count, double ours, bool with_ttl,
                       system_id system) {
    const double theirs = redis_bytes(where, system, with_ttl);
    table.add({what, as_rate(count), as_number(ours, 0), as_number(theirs, 0),
               against_mark(ours / theirs, mark, better::lower)});
  };
  for (const system_id each : where.present({system_id::redis, system_id::valkey})) {
    const std::string against = std::string(", against ") + name_of(each);
    add("used" + against + " without TTL", entries, stash, false, each);
    add("used" + against + " with TTL", entries, stash, true, each);
    add("whole segment, full" + against + " without TTL", full, segment / full, false, each);
  }
  table.print(run.titled("Memory: 16-byte keys, 250-byte values"),
              was_full ? "pg_stash gives every entry a time to live; Redis keeps that apart."
                       : "The segment did not fill: its line says nothing.");
}

}  // namespace stash::bench
