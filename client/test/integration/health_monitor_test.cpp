// The monitor: what it reports, when, and that it stops.
#include "stash/health_monitor.hpp"

#include "../servers/sockets.hpp"
#include "server.hpp"

namespace {

using namespace test;

// What a monitor's functions heard.
struct listener {
  stash::health_options options(std::chrono::milliseconds every) {
    return {.every = every,
            .timeout = 5s,
            .on_change =
                [this](const stash::health_report& one) {
                  const std::lock_guard lock(mutex);
                  changes.push_back(one.name + (one.up ? " up" : " down"));
                },
            .on_report = [this](const auto&) { rounds++; }};
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex);
    return changes;
  }

  std::mutex mutex;
  std::vector<std::string> changes;
  std::atomic<int> rounds = 0;
};

TEST(health_monitor, options_that_cannot_be) {
  stash::pool pool(options());
  EXPECT_THROW(stash::health_monitor({}), stash::usage_error);
  EXPECT_THROW(stash::health_monitor({{"a", pool}}, {.every = 0ms}), stash::usage_error);
  EXPECT_THROW(stash::health_monitor({{"a", pool}}, {.timeout = 0ms}), stash::usage_error);
}

TEST(health_monitor, says_how_the_servers_are) {
  const silent_server silent;
  stash::pool good(options(1)), absent({.conninfo = "host=/nowhere"}),
      hanging({.conninfo = silent.conninfo()});
  const auto held = good.acquire();  // used up is not down
  listener hears;
  auto mine = hears.options(10ms);
  mine.timeout = 200ms;
  stash::health_monitor monitor({{"good", good}, {"absent", absent}, {"hanging", hanging}}, mine);
  EXPECT_TRUE(eventually([&] { return hears.rounds >= 2; }));
  EXPECT_EQ(hears.heard(), (std::vector<std::string>{"good up", "absent down", "hanging down"}));
  const auto reports = monitor.reports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_TRUE(reports[0].up);
  EXPECT_FALSE(reports[0].standby);
  EXPECT_FALSE(reports[0].why.has_value());
  EXPECT_EQ(reports[0].failures, 0u);
  EXPECT_EQ(reports[0].pool.on_loan, 1u);
  EXPECT_LE(reports[0].since, reports[0].checked);
  EXPECT_EQ(reports[1].why->kind(), stash::failure_kind::connection);
  EXPECT_EQ(reports[2].why->kind(), stash::failure_kind::timeout);
  EXPECT_EQ(reports[2].failures, reports[2].checks);
}

TEST(health_monitor, a_killed_connection_is_no_alarm) {
  stash::pool pool({.conninfo = "application_name=monitored"});
  listener hears;
  const stash::health_monitor monitor({{"server", pool}}, hears.options(10ms));
  EXPECT_TRUE(eventually([&] { return hears.rounds >= 1; }));
  stash::connection other({});
  EXPECT_EQ(other
                .execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                         " WHERE application_name = 'monitored'")
                .rows(),
            1);
  const int before = hears.rounds;
  EXPECT_TRUE(eventually([&] { return hears.rounds >= before + 2; }));
  EXPECT_EQ(hears.heard(), std::vector<std::string>{"server up"});
  EXPECT_EQ(monitor.reports()[0].failures, 0u);
}

TEST(health_monitor, stops_between_rounds_and_in_the_middle_of_a_check) {
  const silent_server silent;
  stash::pool good(options()), hanging({.conninfo = silent.conninfo(), .connect_timeout = 1h});
  {
    listener hears;
    const stash::health_monitor monitor({{"good", good}}, hears.options(1h));
    EXPECT_TRUE(eventually([&] { return hears.rounds == 1; }));
  }
  auto patient = stash::health_options{.timeout = 1h};
  const stash::health_monitor monitor({{"hanging", hanging}}, patient);
  EXPECT_TRUE(silent.called());
  EXPECT_TRUE(monitor.reports().empty());
}

}  // namespace
