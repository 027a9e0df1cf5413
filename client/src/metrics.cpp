// Prometheus text exposition of a pool's figures (see stash/pool_statistics.hpp).
#include <sstream>

#include "prometheus_text.hpp"
#include "stash/pool_statistics.hpp"

namespace stash {
namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string to_prometheus(const pool_statistics& figures, const std::string& name) {
  std::ostringstream text;
  const std::string label = "{pool=\"" + detail::escaped(name) + "\"}";
  const auto write = [&](const char* metric, const char* type, auto value) {
    text << "# TYPE stash_pool_" << metric << ' ' << type << "\nstash_pool_" << metric << label
         << ' ' << value << '\n';
  };
  write("max_size", "gauge", figures.max_size);
  write("open", "gauge", figures.open);
  write("idle", "gauge", figures.idle);
  write("on_loan", "gauge", figures.on_loan);
  write("waiting", "gauge", figures.waiting);
  write("acquired_total", "counter", figures.acquired);
  write("waited_total", "counter", figures.waited);
  write("timeouts_total", "counter", figures.timeouts);
  write("created_total", "counter", figures.created);
  write("connect_failures_total", "counter", figures.connect_failures);
  write("closed_idle_total", "counter", figures.closed_idle);
  write("closed_old_total", "counter", figures.closed_old);
  write("closed_broken_total", "counter", figures.closed_broken);
  write("leaks_reported_total", "counter", figures.leaks_reported);
  write("wait_median_seconds", "gauge", seconds_of(figures.wait_median));
  write("wait_p99_seconds", "gauge", seconds_of(figures.wait_p99));
  write("wait_longest_seconds", "gauge", seconds_of(figures.wait_longest));
  return text.str();
}

}  // namespace stash
