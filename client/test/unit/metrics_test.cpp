// Figures of calls, and all figures as text for Prometheus.
#include <gtest/gtest.h>

#include <locale>
#include <map>
#include <regex>
#include <sstream>
#include <thread>

#include "stash/call_statistics.hpp"
#include "stash/pool_statistics.hpp"

namespace {

using namespace std::chrono_literals;

TEST(call_statistics, counts_by_name) {
  stash::call_statistics calls;
  const stash::failure conflict(stash::failure_kind::server, "m", "40001");
  const stash::failure lost(stash::failure_kind::connection, "m");
  calls.record({"SELECT stash.cache_get($1, $2)", 300us});
  calls.record({"SELECT stash.cache_get($1, $2)", 20s, true, &conflict, 3});
  calls.record({"SELECT stash.cache_get($1, $2)", 1ms, true, &lost});
  calls.record({"SELECT 1", 1ms, true});
  calls.record({"BEGIN", 1ms});
  const auto figures = calls.figures();
  ASSERT_EQ(figures.size(), 3u);
  EXPECT_EQ(figures[0].name, "cache_get");
  EXPECT_EQ(figures[0].calls, 3u);
  EXPECT_EQ(figures[0].retries, 2u);
  EXPECT_EQ(figures[0].total, 20s + 1300us);
  EXPECT_EQ(figures[0].errors,
            (std::map<std::string, std::uint64_t>{{"40", 1}, {"connection", 1}}));
  EXPECT_EQ(figures[0].at_most[1], 0u);  // 0.25 ms
  EXPECT_EQ(figures[0].at_most[2], 1u);
  EXPECT_EQ(figures[0].at_most[3], 2u);  // 1 ms
  EXPECT_EQ(figures[0].at_most[15], 2u);
  EXPECT_EQ(figures[0].at_most[16], 3u);
  EXPECT_EQ(figures[1].name, "sql");
  EXPECT_EQ(figures[1].errors.at("other"), 1u);
  EXPECT_EQ(figures[2].name, "transact");
  const std::string text = stash::to_prometheus(calls, "a\"b");
  EXPECT_NE(
      text.find("stash_call_seconds_bucket{client=\"a\\\"b\",call=\"cache_get\",le=\"+Inf\"} 3\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("call=\"cache_get\",class=\"40\"} 1\n"), std::string::npos);
}

TEST(call_statistics, memory_is_bounded) {
  stash::call_statistics calls;
  for (int i = 0; i < 1000; i++) calls.record({"SELECT stash.f" + std::to_string(i) + "()", 1ms});
  EXPECT_LE(calls.figures().size(), 257u);
}

// Texts that were counted before are found without a lock.
TEST(call_statistics, from_several_threads) {
  stash::call_statistics calls;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; i++)
        calls.record({"SELECT stash.f" + std::to_string(i % 100) + "($1)", 1ms});
    });
  for (auto& each : threads) each.join();
  const auto figures = calls.figures();
  ASSERT_EQ(figures.size(), 100u);
  for (const auto& each : figures) EXPECT_EQ(each.calls, 80u) << each.name;
}

// Two texts in one place of memory, as of a program that puts its statements together.
TEST(call_statistics, texts_count_not_where_they_lie) {
  stash::call_statistics calls;
  std::string text = "SELECT stash.one()";
  calls.record({text, 1ms});
  text = "SELECT stash.two()";
  calls.record({text, 1ms});
  EXPECT_EQ(calls.figures().size(), 2u);
}

// --- Prometheus

TEST(prometheus, labels_are_escaped) {
  const std::string text = stash::to_prometheus({.max_size = 7}, "a\"b\\c\nd");
  EXPECT_NE(text.find("stash_pool_max_size{pool=\"a\\\"b\\\\c\\nd\"} 7\n"), std::string::npos);
}

// As the format says: the samples of a metric stand together behind what it is, and each has a
// number that every program reads alike.
std::map<std::string, double> samples_of(const std::string& text) {
  static const std::regex help("# HELP ([a-z0-9_]+) [^\\n]+");
  static const std::regex type("# TYPE ([a-z0-9_]+) (counter|gauge|histogram)");
  static const std::regex sample(
      R"re(([a-z0-9_]+)\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\} ([0-9.e+-]+))re");
  std::map<std::string, double> found;
  std::istringstream lines(text);
  std::string metric, kind;
  bool described = false;
  std::smatch part;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, part, help)) {
      metric = part[1];
      described = true;
    } else if (std::regex_match(line, part, type)) {
      EXPECT_TRUE(described && part[1] == metric) << line;
      kind = part[2];
      EXPECT_EQ(kind == "counter", metric.ends_with("_total")) << line;
      described = false;
    } else if (std::regex_match(line, part, sample)) {
      std::string name = part[1];
      if (kind == "histogram")
        name = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
      EXPECT_EQ(name, metric) << line;
      EXPECT_TRUE(found.emplace(line.substr(0, line.rfind(' ')), std::stod(part[4])).second)
          << "twice: " << line;
    } else {
      ADD_FAILURE() << "neither metric nor comment: " << line;
    }
  }
  return found;
}

std::string all_figures(const stash::call_statistics& calls, const stash::pool_statistics& pool) {
  const std::string name = "it's \"a\\b\"\n{x=1}";
  return stash::to_prometheus(pool, name) + stash::to_prometheus(calls, name);
}

TEST(prometheus, the_format_and_counters_that_only_grow) {
  stash::call_statistics calls;
  stash::pool_statistics pool{.max_size = 7, .acquired = 123'456'789};
  const stash::failure conflict(stash::failure_kind::server, "m", "40001");
  std::map<std::string, double> before;
  for (int round = 0; round < 3; round++) {
    calls.record({"SELECT stash.cache_get($1, $2)", 1'000'000s + 1ms});
    calls.record({"SELECT stash.cache_get($1, $2)", 1ms, true, &conflict, 3});
    calls.record({"SELECT 1", 300us});
    pool.acquired++;
    auto now = samples_of(all_figures(calls, pool));
    // A metric without a sample of a call has its figures of the pool at least.
    EXPECT_GT(now.size(), 17u + 2 * 19u);
    std::size_t grown = 0;
    for (const auto& [name, value] : before) {
      ASSERT_TRUE(now.count(name)) << name;
      if (name.find("_total{") == std::string::npos && name.find("_call_") == std::string::npos)
        continue;
      EXPECT_GE(now[name], value) << name;
      grown += now[name] > value ? 1 : 0;
    }
    // Loans, errors, retries; sum, count and steps of two histograms.
    EXPECT_TRUE(round == 0 || grown > 20) << grown;
    before = std::move(now);
  }
  // Numbers have all their digits.
  for (const auto& [name, value] : before) {
    if (name.find("cache_get") == std::string::npos || name.find("_sum{") == std::string::npos)
      continue;
    EXPECT_NEAR(value, 3'000'000.006, 1e-5);
  }
}

// A program may write numbers in its own way elsewhere.
TEST(prometheus, whatever_locale_the_program_has) {
  struct points : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale own = std::locale::global(std::locale(std::locale::classic(), new points));
  stash::call_statistics calls;
  calls.record({"SELECT 1", 1500ms});
  const std::string text = all_figures(calls, {.acquired = 1'234'567});
  std::locale::global(own);
  EXPECT_NE(text.find("} 1234567\n"), std::string::npos);
  EXPECT_NE(text.find("} 1.5\n"), std::string::npos);
}

}  // namespace
