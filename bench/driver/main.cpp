// The benchmark driver: see options.hpp for its command line and ../README.md for its tables.
// Exit status 0: measured (marks are printed, not asserted); 1: something failed, or so many reads
// missed or writes were refused that the figures mean nothing; 2: a wrong command line.
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "options.hpp"
#include "tables.hpp"

namespace {

using namespace stash::bench;

bool put_load(const options& chosen) {
  if (!chosen.where.has(chosen.system)) throw std::invalid_argument("where is that server?");
  if (is_postgres(chosen.system)) {
    pg_session session(chosen.where.conninfo);
    if (!chosen.filled) prepare_database(session);
  }
  if (!chosen.filled) fill(chosen.where, chosen.system, chosen.keys);
  const int clients = chosen.clients ? chosen.clients : 8;
  const session_list sessions = open_sessions(chosen.where, clients);
  const connection_list connections =
      connect(chosen.where, chosen.system, chosen.what, chosen.shape, sessions);
  key_space keys = key_space::random(chosen.keys);
  const int threads = chosen.threads ? chosen.threads : default_threads(clients);
  const load_result result = run_load(connections, keys, chosen.seconds, threads);
  std::printf(
      "%s %s: %.0f a second; the driver spent %.2f us of processor on each, %.2f of a core\n",
      name_of(chosen.system), name_of(chosen.what), result.rate(),
      result.cpu_seconds * 1e6 / static_cast<double>(result.counts.operations),
      result.cpu_seconds / result.seconds);
  validity checks;
  checks.add("load", name_of(chosen.system), result.counts);
  return checks.print();
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  try {
    chosen = parse_options(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_driver: %s\n%s", error.what(), usage);
    return 2;
  }
  try {
    const bool good = chosen.tables.front() == "load" ? put_load(chosen) : print_tables(chosen);
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_driver: %s\n", error.what());
    return 1;
  }
}
