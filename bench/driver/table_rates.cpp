// The tables of operations a second: one key a statement, pipelines of statements, many keys a
// statement. Each compares pg_stash with everybody else who can do the same.
#include "tables.hpp"

namespace stash::bench {

namespace {

struct comparison {
  std::string title;
  std::string note;
  request_shape shape;
  std::vector<system_id> rivals;
  bool floors = false;  // a set also against the floor that reads jsonb
  std::vector<int> clients;
  // The ratio to reach against a rival; 0 where there is no mark.
  double (*mark)(const std::string& rival, operation what, int clients);
};

series measure(table_run& run, const comparison& what, operation op, const session_list& sessions) {
  const int clients = static_cast<int>(sessions.size());
  std::vector<contestant> contestants = {run.driven(system_id::stash, op, what.shape, sessions)};
  for (const system_id each : run.chosen.where.present(what.rivals)) {
    contestants.push_back(run.driven(each, op, what.shape, sessions));
    if (each == system_id::redis && has_redis_benchmark()) {
      contestants.push_back(
          redis_benchmark(run.chosen.where.redis_socket, op, what.shape, clients, usual_keys));
    }
  }
  series measured(std::move(contestants), rate_pace(run.chosen, clients));
  run.checks.add(what.title + ", " + name_of(op) + ", " + std::to_string(clients) + " clients",
                 measured);
  return measured;
}

std::vector<std::string> header_of(const series& measured) {
  std::vector<std::string> header = {"operation, clients"};
  for (std::size_t i = 0; i < measured.size(); i++) header.push_back(measured.name(i));
  for (std::size_t i = 1; i < measured.size(); i++) header.push_back("/ " + measured.name(i));
  return header;
}

std::vector<std::string> row_of(const series& measured, const comparison& what, operation op,
                                int clients) {
  std::vector<std::string> row = {std::string(name_of(op)) + ", " + std::to_string(clients)};
  for (std::size_t i = 0; i < measured.size(); i++) row.push_back(as_rate(measured.rate(i)));
  for (std::size_t i = 1; i < measured.size(); i++) {
    const double ratio = measured.ratio(0, i);
    const double mark = what.mark(measured.name(i), op, clients);
    row.push_back(mark > 0 ? against_mark(ratio, mark) : as_number(ratio, 2));
  }
  return row;
}

// The rows beside: a set against both floors, in rounds of their own.
std::vector<std::string> floors_row(table_run& run, const comparison& what,
                                    const session_list& sessions) {
  const int clients = static_cast<int>(sessions.size());
  const series measured({run.driven(system_id::stash, operation::set, what.shape, sessions),
                         run.driven(system_id::floor, operation::set, what.shape, sessions),
                         run.driven(system_id::floor_jsonb, operation::set, what.shape, sessions)},
                        rate_pace(run.chosen, clients));
  run.checks.add(what.title + ", floors, " + std::to_string(clients) + " clients", measured);
  return {"set, " + std::to_string(clients),  as_rate(measured.rate(0)),
          as_rate(measured.rate(1)),          as_rate(measured.rate(2)),
          as_number(measured.ratio(2, 1), 2), as_number(measured.ratio(0, 2), 2)};
}

void print(table_run& run, const comparison& what) {
  for (const system_id each :
       {system_id::stash, system_id::table, system_id::redis, system_id::valkey}) {
    if (run.chosen.where.has(each)) fill(run.chosen.where, each, usual_keys);
  }
  std::vector<std::vector<std::string>> rows;
  markdown_table floors({"operation, clients", "pg_stash", "floor", "floor with jsonb",
                         "floor with jsonb / floor", "pg_stash / floor with jsonb"});
  for (const int clients :
       run.chosen.clients ? std::vector<int>{run.chosen.clients} : what.clients) {
    const session_list sessions = open_sessions(run.chosen.where, clients);
    for (const operation op : {operation::get, operation::set}) {
      const series measured = measure(run, what, op, sessions);
      if (rows.empty()) rows.push_back(header_of(measured));
      rows.push_back(row_of(measured, what, op, clients));
    }
    if (what.floors) floors.add(floors_row(run, what, sessions));
  }
  markdown_table table(rows.front());
  for (std::size_t i = 1; i < rows.size(); i++) table.add(rows[i]);
  table.print(run.titled(what.title), what.note);
  if (what.floors)
    floors.print(run.titled(what.title + ", sets and what PostgreSQL's jsonb input costs"),
                 "The floor of the table above takes the value as text; this one as jsonb.");
}

bool is_redis(const std::string& rival) {
  return rival == name_of(system_id::redis) || rival == redis_tool_name;
}

double single_mark(const std::string& rival, operation what, int clients) {
  if (rival == name_of(system_id::floor)) return 0.95;
  if (clients == 1) return 0;
  if (is_redis(rival)) return 1.0;
  if (rival == name_of(system_id::table)) return what == operation::get ? 1.2 : 1.8;
  return 0;
}

double pipeline_mark(const std::string& rival, operation, int) {
  return rival == name_of(system_id::floor) ? 0.95 : 0;
}

double many_mark(const std::string& rival, operation, int) { return is_redis(rival) ? 1.0 : 0; }

}  // namespace

void print_single(table_run& run) {
  print(run, {.title = "One key a statement: operations a second",
              .note = "Redis is driven by the same loop as PostgreSQL; redis-benchmark is the same "
                      "server driven by its own tool.",
              .shape = {},
              .rivals = {system_id::floor, system_id::redis, system_id::valkey, system_id::table},
              .floors = true,
              .clients = {1, 8, 50},
              .mark = single_mark});
}

void print_pipeline(table_run& run) {
  print(run, {.title = "Pipelines of 16: operations a second",
              .note = "",
              .shape = {.batch = 1, .pipeline = 16},
              .rivals = {system_id::floor, system_id::redis, system_id::valkey},
              .floors = true,
              .clients = run.chosen.quick ? std::vector<int>{8} : std::vector<int>{1, 8},
              .mark = pipeline_mark});
}

void print_many(table_run& run) {
  print(run, {.title = "100 keys a statement, binary results: keys a second",
              .note = "",
              .shape = {.batch = 100, .pipeline = 1},
              .rivals = {system_id::redis, system_id::valkey},
              .clients = run.chosen.quick ? std::vector<int>{8} : std::vector<int>{1, 8},
              .mark = many_mark});
}

}  // namespace stash::bench
