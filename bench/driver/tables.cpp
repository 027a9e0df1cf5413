// See tables.hpp.
#include "tables.hpp"

#include <map>
#include <stdexcept>

namespace stash::bench {

namespace {

using table_printer = void (*)(table_run&);

const std::map<std::string, table_printer> printers = {
    {"single", print_single},   {"many", print_many},           {"pipeline", print_pipeline},
    {"keys", print_keys},       {"memory", print_memory},       {"tags", print_tags},
    {"driver", print_driver},   {"hugepages", print_hugepages}, {"sessions", print_sessions},
    {"reclaim", print_reclaim}, {"client", print_client},
};

}  // namespace

contestant table_run::driven(system_id system, operation what, request_shape shape,
                             const session_list& sessions, std::uint64_t keys) const {
  const auto connections =
      std::make_shared<connection_list>(connect(chosen.where, system, what, shape, sessions));
  const int clients = static_cast<int>(sessions.size());
  const int threads = chosen.threads ? chosen.threads : default_threads(clients);
  return {name_of(system), [=](double seconds) {
            key_space space = key_space::random(keys);
            return run_load(*connections, space, seconds, threads);
          }};
}

pace rate_pace(const options& chosen, int clients) {
  const bool many = clients >= 50;
  if (chosen.quick) return {.warm_up = many ? 2.0 : 0.5, .seconds = many ? 2.0 : 1.0, .rounds = 2};
  // Every new backend faults in the pages of the segment once; at 50 clients that takes a while.
  if (many) return {.warm_up = 8, .seconds = 20, .rounds = 2};
  return {.warm_up = 1, .seconds = 3, .rounds = 3};
}

bool print_tables(const options& chosen) {
  for (const std::string& name : chosen.tables) {
    if (!printers.contains(name)) throw std::invalid_argument("unknown table: " + name);
  }
  {
    pg_session session(chosen.where.conninfo);
    prepare_database(session);
  }
  table_run run{chosen, {}};
  for (const std::string& name : chosen.tables) printers.at(name)(run);
  return run.checks.print();
}

}  // namespace stash::bench
