// The C++ client: what it costs beyond libpq by hand, its pool with nobody in the way and with
// twice as many threads as connections, and what its headers cost to compile.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <stash/stash.hpp>
#include <thread>

#include "client_loops.hpp"
#include "one_processor.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

using steady = std::chrono::steady_clock;

constexpr double throughput_mark = 0.95;
constexpr double loan_mark = 200;  // nanoseconds
constexpr double crowd_mark = 0.9;
constexpr double fairness_mark = 5;
constexpr double compile_mark = 1.5;

double since(steady::time_point begun) {
  return std::chrono::duration<double>(steady::now() - begun).count();
}

// The contestants here differ by a few hundredths, less than the machine does from one second to
// the next: turns must be short, and many; see also one_processor.hpp.
pace many_short_rounds(const options& chosen) {
  return {.warm_up = 0.5, .seconds = 0.02, .rounds = chosen.quick ? 150 : 510};
}

void print_requests(table_run& run, const std::shared_ptr<stash::client>& on) {
  const servers& where = run.chosen.where;
  const one_processor together(serving_processes(where, on));
  markdown_table table({"request", "client", "libpq by hand", "hiredis", "/ libpq", "/ hiredis",
                        "µs of processor: client, libpq"});
  const auto add = [&](const std::string& what, std::vector<contestant> contestants) {
    const series measured(std::move(contestants), many_short_rounds(run.chosen));
    run.checks.add("client, " + what, measured);
    table.add({what, as_rate(measured.rate(0)), as_rate(measured.rate(1)),
               as_rate(measured.rate(2)), against_mark(measured.ratio(0, 1), throughput_mark),
               as_number(measured.ratio(0, 2), 2),
               as_number(measured.driver_microseconds(0), 2) + ", " +
                   as_number(measured.driver_microseconds(1), 2)});
  };
  const auto name_of = [](value_form form) {
    return std::string(form == value_form::text ? "the JSON text" : "parsed");
  };
  for (const value_form form : {value_form::text, value_form::parsed})
    add("get, " + name_of(form),
        {client_gets(on, form), libpq_gets(on, form), hiredis_gets(where, form)});
  for (const value_form form : {value_form::text, value_form::parsed})
    add("pipeline of 100 gets, " + name_of(form),
        {client_pipelines(on, form), libpq_pipelines(on, form), hiredis_pipelines(where, form)});
  add("pipeline of 100 statements of one's own",
      {client_pipelines_of_sql(on), libpq_pipelines_of_sql(on),
       hiredis_pipelines(where, value_form::text)});
  table.print(
      run.titled("The C++ client, one thread: gets a second"),
      "Client and server on one processor. The first ratio: client to libpq by hand, with a "
      "prepared statement and binary results. Parsed: by nlohmann::json, in all three.");
}

// Of this thread.
double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Nanoseconds for one loan that nobody else wants: the median of rounds. It never waits, so its
// processor time is its time, and others on the machine do not count.
double loan_nanoseconds(stash::pool& pool, bool quick) {
  const int loans = quick ? 200'000 : 1'000'000;
  std::vector<double> rounds;
  for (int round = 0; round < 5; round++) {
    const double begun = processor_seconds();
    for (int i = 0; i < loans; i++) (void)pool.acquire();
    rounds.push_back((processor_seconds() - begun) * 1e9 / loans);
  }
  return median(std::move(rounds));
}

// So many threads that take a connection for one get and give it back. The pool outlives the
// rounds, its statistics are of all of them.
contestant crowd(const std::shared_ptr<stash::client>& on, int threads) {
  return {std::to_string(threads) + " threads", [=](double seconds) {
            std::vector<tally> counts(static_cast<std::size_t>(threads));
            std::vector<std::thread> running;
            const auto begun = steady::now();
            for (int i = 0; i < threads; i++)
              running.emplace_back([&, i] {
                tally& mine = counts[static_cast<std::size_t>(i)];
                random_source random(static_cast<std::uint64_t>(i) + 1);
                std::string key(key_size, '0');
                auto cache = on->cache();
                while (since(begun) < seconds) {
                  write_key(key.data(), random.below(usual_keys));
                  mine.rejected += cache.get_text(key) ? 0 : 1;
                  mine.operations++;
                }
              });
            for (std::thread& each : running) each.join();
            load_result done;
            done.seconds = since(begun);
            for (const tally& each : counts) {
              done.counts.operations += each.operations;
              done.counts.rejected += each.rejected;
            }
            return done;
          }};
}

std::string microseconds_of(std::chrono::nanoseconds time) {
  return as_number(static_cast<double>(time.count()) * 1e-3, 1) + " µs";
}

void print_pool(table_run& run, const std::shared_ptr<stash::client>& alone) {
  constexpr std::size_t connections = 8;
  const auto enough = connect_client(run.chosen.where, connections);
  const auto scarce = connect_client(run.chosen.where, connections);
  const series measured({crowd(scarce, 16), crowd(enough, 8)}, rate_pace(run.chosen, 8));
  run.checks.add("client, pool", measured);
  const stash::pool_statistics waits = scarce->connections().statistics();
  markdown_table table({"pool", "", "mark"});
  const double loan = loan_nanoseconds(alone->connections(), run.chosen.quick);
  table.add({"acquire and release, uncontended", as_number(loan, 0) + " ns",
             against_mark(loan, loan_mark, better::lower)});
  table.add({"8 threads on 8 connections", as_rate(measured.rate(1)) + " gets/s", ""});
  table.add({"16 threads on 8 connections, / 8 threads", as_rate(measured.rate(0)) + " gets/s",
             against_mark(measured.ratio(0, 1), crowd_mark)});
  table.add({"their waits in line: median, p99",
             microseconds_of(waits.wait_median) + ", " + microseconds_of(waits.wait_p99),
             against_mark(static_cast<double>(waits.wait_p99.count()) /
                              static_cast<double>(waits.wait_median.count()),
                          fairness_mark, better::lower)});
  table.print(run.titled("The C++ client's pool"));
}

// Of the processes that have ended.
double children_seconds() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

// Seconds of processor to compile a file with these includes, without the cache of compilations.
double compile_seconds(const std::string& includes) {
  const double begun = children_seconds();
  (void)output_of("printf '" + includes +
                  "int main() {}' | CCACHE_DISABLE=1 " BENCH_COMPILER
                  " -std=c++20 -O2 -c -o /dev/null -x c++ " BENCH_CLIENT_INCLUDES " -");
  return children_seconds() - begun;
}

void print_compilation(table_run& run) {
  std::vector<double> whole, parts, ratios;
  for (int round = 0; round < (run.chosen.quick ? 3 : 7); round++) {
    whole.push_back(compile_seconds("#include <stash/stash.hpp>\\n"));
    parts.push_back(compile_seconds("#include <nlohmann/json.hpp>\\n#include <libpq-fe.h>\\n"));
    ratios.push_back(whole.back() / parts.back());
  }
  markdown_table table({"one file that includes", "seconds of processor to compile", "ratio"});
  table.add({"stash/stash.hpp", as_number(median(whole), 2),
             against_mark(median(ratios), compile_mark, better::lower)});
  table.add({"nlohmann/json.hpp and libpq-fe.h", as_number(median(parts), 2), ""});
  table.print(run.titled("The C++ client's headers"));
}

}  // namespace

void print_client(table_run& run) {
  fill(run.chosen.where, system_id::stash, usual_keys);
  fill(run.chosen.where, system_id::redis, usual_keys);
  const auto alone = connect_client(run.chosen.where);
  print_requests(run, alone);
  print_pool(run, alone);
  print_compilation(run);
}

}  // namespace stash::bench
