// What the driver itself costs: the same load put on the same server by this driver, by pgbench and
// by redis-benchmark. A driver that is slower than those would be a bottleneck of its own.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "figure.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

// The statement of the floor's get, with the keys of payload.hpp.
constexpr char pgbench_script[] =
    "\\set k random(1000000000000000, 1000000000099999)\n"
    "select rpad(:k::text, 250, 'x');\n";

class script_file {
 public:
  script_file() : path_("/tmp/pg_stash_bench_XXXXXX") {
    const int file = mkstemp(path_.data());
    const bool written = file >= 0 && write(file, pgbench_script, sizeof pgbench_script - 1) > 0;
    if (file >= 0) close(file);
    if (!written) throw std::runtime_error("cannot write " + path_);
  }
  ~script_file() { unlink(path_.c_str()); }
  script_file(const script_file&) = delete;
  script_file& operator=(const script_file&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// It counts whole seconds, and prints "tps = 12345.67 (without initial connection time)".
contestant pgbench(const script_file& script, const std::string& conninfo, int clients,
                   int threads) {
  return {"pgbench", [=, path = script.path()](double seconds) {
            const int whole = std::max(1, static_cast<int>(seconds));
            const std::string output =
                output_of("pgbench -n -M prepared -c " + std::to_string(clients) + " -j " +
                          std::to_string(threads) + " -T " + std::to_string(whole) + " -f " + path +
                          " \"" + conninfo + "\" 2>&1");
            load_result result;
            result.seconds = whole;
            result.counts.operations = static_cast<std::uint64_t>(
                parse_figure_after("what pgbench printed", output, "tps = ") * whole);
            return result;
          }};
}

void add_row(markdown_table& table, const std::string& what, const series& measured) {
  table.add({what, as_rate(measured.rate(0)), as_rate(measured.rate(1)) + " " + measured.name(1),
             as_number(measured.ratio(0, 1), 2), as_number(measured.driver_microseconds(0), 1)});
}

}  // namespace

void print_driver(table_run& run) {
  const script_file script;
  const pace how = run.chosen.quick ? pace{.warm_up = 0.5, .seconds = 1, .rounds = 2}
                                    : pace{.warm_up = 1, .seconds = 2, .rounds = 3};
  const bool redis = run.chosen.where.has(system_id::redis) && has_redis_benchmark();
  if (redis) fill(run.chosen.where, system_id::redis, usual_keys);
  markdown_table table({"load, clients", "this driver", "the system's own tool", "ratio",
                        "driver's processor time, µs an operation"});
  for (const int clients : {1, 8, 50}) {
    const session_list sessions = open_sessions(run.chosen.where, clients);
    const int threads = default_threads(clients);
    add_row(table, "PostgreSQL, floor of a get, " + std::to_string(clients),
            series({run.driven(system_id::floor, operation::get, {}, sessions),
                    pgbench(script, run.chosen.where.conninfo, clients, threads)},
                   how));
    if (!redis) continue;
    add_row(table, "Redis, GET, " + std::to_string(clients),
            series({run.driven(system_id::redis, operation::get, {}, sessions),
                    redis_benchmark(run.chosen.where.redis_socket, operation::get, {}, clients,
                                    usual_keys)},
                   how));
  }
  table.print(run.titled("The driver: operations a second, and what it costs itself"));
}

}  // namespace stash::bench
