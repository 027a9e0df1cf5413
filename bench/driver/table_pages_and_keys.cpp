// Tables that compare two servers, so that both are measured in the same rounds: ten million keys
// against ten thousand (what a large segment costs in cache and TLB misses), huge pages against
// pages of 4 kB.
#include <stdexcept>

#include "tables.hpp"

namespace stash::bench {

namespace {

constexpr std::uint64_t few_keys = 10'000;
constexpr std::uint64_t many_keys = 10'000'000;
constexpr double keys_mark = 0.85;
constexpr double floor_mark = 0.95;

// A run like `run`, on the second server.
table_run on_second_server(const table_run& run, options& second) {
  if (run.chosen.second_conninfo.empty()) {
    throw std::invalid_argument("this table needs --pg-second, another server");
  }
  second = run.chosen;
  second.where.conninfo = run.chosen.second_conninfo;
  pg_session session(second.where.conninfo);
  prepare_database(session);
  return {second, {}};
}

contestant named(contestant what, const std::string& name) {
  what.name = name;
  return what;
}

}  // namespace

void print_keys(table_run& run) {
  options second;
  const table_run small = on_second_server(run, second);
  fill(second.where, system_id::stash, few_keys);
  fill(run.chosen.where, system_id::stash, many_keys);

  const int clients = run.chosen.clients ? run.chosen.clients : 8;
  const session_list small_sessions = open_sessions(second.where, clients);
  const session_list large_sessions = open_sessions(run.chosen.where, clients);
  const series measured(
      {named(small.driven(system_id::stash, operation::get, {}, small_sessions, few_keys),
             "10,000 keys"),
       named(run.driven(system_id::stash, operation::get, {}, large_sessions, many_keys),
             "10,000,000 keys")},
      run.chosen.quick ? pace{.warm_up = 3, .seconds = 1, .rounds = 3}
                       : pace{.warm_up = 15, .seconds = 4, .rounds = 5});
  run.checks.add("key counts", measured);

  markdown_table table({"get, clients", measured.name(0), measured.name(1), "ratio"});
  table.add({std::to_string(clients), as_rate(measured.rate(0)), as_rate(measured.rate(1)),
             against_mark(measured.ratio(1, 0), keys_mark)});
  table.print(run.titled("Ten million keys against ten thousand: gets a second"));
}

void print_hugepages(table_run& run) {
  options second;
  const table_run usual = on_second_server(run, second);
  fill(second.where, system_id::stash, usual_keys);
  fill(run.chosen.where, system_id::stash, usual_keys);
  const int clients = run.chosen.clients ? run.chosen.clients : 50;
  const session_list usual_sessions = open_sessions(second.where, clients);
  const session_list huge_sessions = open_sessions(run.chosen.where, clients);
  markdown_table table({"operation, clients", "4 kB pages", "huge pages", "floor", "huge / 4 kB",
                        "4 kB / floor", "huge / floor"});
  for (const operation op : {operation::get, operation::set}) {
    const series measured({named(usual.driven(system_id::stash, op, {}, usual_sessions), "4 kB"),
                           named(run.driven(system_id::stash, op, {}, huge_sessions), "huge"),
                           run.driven(system_id::floor, op, {}, huge_sessions)},
                          rate_pace(run.chosen, clients));
    run.checks.add(std::string("huge pages, ") + name_of(op), measured);
    table.add({std::string(name_of(op)) + ", " + std::to_string(clients), as_rate(measured.rate(0)),
               as_rate(measured.rate(1)), as_rate(measured.rate(2)),
               as_number(measured.ratio(1, 0), 2), against_mark(measured.ratio(0, 2), floor_mark),
               against_mark(measured.ratio(1, 2), floor_mark)});
  }
  table.print(run.titled("Huge pages against pages of 4 kB: operations a second"));
}

}  // namespace stash::bench
