// Invalidation by tag: what it costs by the number of entries that carry the tag, and what a stream
// of invalidations of other tags does to those who read.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "background_calls.hpp"
#include "tables.hpp"

namespace stash::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint64_t big_tag_entries = 1'000'000;
constexpr std::uint64_t small_tag_entries = 10;
constexpr int rounds = 7;
constexpr int quick_rounds = 3;
constexpr int idle_calls = 20;
constexpr double calls_a_second = 10'000;
constexpr double same_speed = 2;  // a round trip is some 100 microseconds and varies by as much

// Backends that end take their page tables apart, on the processors that are measured: wait.
void wait_until_alone(pg_session& session) {
  for (int tries = 0; tries < 1000; tries++) {
    if (session.query(
            "select count(*) from pg_stat_activity where backend_type = 'client backend'") == "1")
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

void fill_with_tag(table_run& run, const std::string& tag, std::uint64_t entries) {
  fill(run.chosen.where, system_id::stash, entries, "tags => array['" + tag + "'], fresh => true");
}

// Gives `entries` of a million keys the tag and returns how many microseconds its invalidation
// took. All million are written anew for either tag: what fills the caches of the processor before
// the clock starts is then the same, and only the size of the tag differs.
double time_invalidation(table_run& run, pg_session& session, const std::string& tag,
                         std::uint64_t entries) {
  if (entries < big_tag_entries) fill_with_tag(run, "bench:others", big_tag_entries);
  fill_with_tag(run, tag, entries);
  const std::string sql = "select stash.cache_invalidate_tags(array['" + tag + "'])";
  wait_until_alone(session);
  // The session slept while others filled the store. What it takes to wake up is not measured.
  for (int i = 0; i < idle_calls; i++) {
    session.query("select stash.cache_invalidate_tags(array['bench:nobody'])");
  }
  const auto start = clock::now();
  const std::string found = session.query(sql);
  const double took = std::chrono::duration<double, std::micro>(clock::now() - start).count();
  char key[key_size + 1] = {};
  write_key(key, 0);
  if (!session.query(std::string("select stash.cache_get('") + key + "')").empty()) {
    throw std::runtime_error("an entry is there after its tag was invalidated");
  }
  if (found != std::to_string(entries)) {
    throw std::runtime_error(sql + " found " + found + " of " + std::to_string(entries));
  }
  return took;
}

void print_latency(table_run& run) {
  pg_session session(run.chosen.where.conninfo);
  std::vector<double> small, big;
  for (int round = 0; round < (run.chosen.quick ? quick_rounds : rounds); round++) {
    small.push_back(time_invalidation(run, session, "bench:small", small_tag_entries));
    big.push_back(time_invalidation(run, session, "bench:big", big_tag_entries));
  }
  const double few = median(small);
  const double many = median(big);
  markdown_table table({"entries with the tag", "microseconds", "times the small one"});
  table.add({std::to_string(small_tag_entries), as_number(few, 0), "1"});
  table.add({std::to_string(big_tag_entries), as_number(many, 0),
             against_mark(many / few, same_speed, better::lower)});
  table.print(run.titled("One cache_invalidate_tags, round trip included"));
}

void fill_tagged(const servers& where) {
  const session_list sessions = open_sessions(where, 2);
  statement what{.sql = "select stash.cache_set($1, $2, tags => array['user:' || $1])",
                 .takes_value = true,
                 .expect = verdict::not_null,
                 .pipeline = 100};
  key_space keys = key_space::each_once(usual_keys);
  const load_result filled = run_load(connect(sessions, what), keys, no_time_limit, 2);
  if (filled.counts.rejected > 0) throw std::runtime_error("a tagged set was refused");
}

// Gets, or sets, of tagged entries: alone, beside calls that do nothing, beside invalidations.
// The calls that do nothing show what such a stream costs by taking processor time.
void add_rates(table_run& run, markdown_table& table, const session_list& sessions, operation op) {
  const std::string others =
      "'user:other' || $1";  // the class of the entries, but no tag of theirs
  const std::vector<std::pair<std::string, std::string>> companies = {
      {"alone", ""},
      {"beside 10,000 empty calls/s", "select octet_length(" + others + ")"},
      {"beside 10,000 invalidations/s",
       "select stash.cache_invalidate_tags(array[" + others + "])"},
  };
  statement what = statement_of(system_id::stash, op);
  if (op == operation::set) {
    what.sql = "select stash.cache_set($1, $2, tags => array['user:' || $1])";
  }
  const auto connections = std::make_shared<connection_list>(connect(sessions, what));
  std::vector<contestant> contestants;
  std::vector<std::vector<double>> reached(companies.size());
  for (std::size_t i = 0; i < companies.size(); i++) {
    contestants.push_back(
        {companies[i].first, [&, i](double seconds) {
           key_space keys = key_space::random(usual_keys);
           const int threads = default_threads(static_cast<int>(sessions.size()));
           if (companies[i].second.empty()) {
             return run_load(*connections, keys, seconds, threads);
           }
           background_calls calls(run.chosen.where.conninfo, companies[i].second, calls_a_second);
           const load_result result = run_load(*connections, keys, seconds, threads);
           reached[i].push_back(calls.stop());
           return result;
         }});
  }
  const series measured(contestants, run.chosen.quick
                                         ? pace{.warm_up = 0.5, .seconds = 1, .rounds = 2}
                                         : pace{.warm_up = 1, .seconds = 5, .rounds = 3});
  for (std::size_t i = 0; i < measured.size(); i++) {
    const tally counts = measured.counts(i);
    const double good =
        1 - static_cast<double>(counts.rejected) / static_cast<double>(counts.operations);
    table.add({std::string(name_of(op)) + ", " + measured.name(i), as_rate(measured.rate(i)),
               as_number(measured.ratio(i, 0), 2), as_number(good * 100, 4) + " %",
               reached[i].empty() ? "–" : as_rate(median(reached[i]))});
  }
}

}  // namespace

void print_tags(table_run& run) {
  print_latency(run);
  fill_tagged(run.chosen.where);
  const session_list sessions =
      open_sessions(run.chosen.where, run.chosen.clients ? run.chosen.clients : 8);
  markdown_table table({"tagged entries, 8 clients", "operations a second", "of alone",
                        "hits / accepted", "calls a second reached"});
  for (const operation op : {operation::get, operation::set}) {
    add_rates(run, table, sessions, op);
  }
  table.print(run.titled("Invalidations of other tags, and those who read and write meanwhile"),
              "Mark: hits alone and beside invalidations the same, 100 %.");
}

}  // namespace stash::bench
