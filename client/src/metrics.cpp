// Prometheus text exposition of a pool's figures (see stash/pool_statistics.hpp).
#include "prometheus_text.hpp"
#include "stash/pool_statistics.hpp"

namespace stash {
namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string to_prometheus(const pool_statistics& figures, const std::string& name) {
  detail::prometheus_stream text;
  const std::string label = "{pool=\"" + detail::escaped(name) + "\"}";
  const auto write = [&](const char* what, const char* type, auto value, const char* help) {
    const std::string metric = std::string("stash_pool_") + what;
    text.declare(metric, type, help);
    text << metric << label << ' ' << value << '\n';
  };
  const auto gauge = [&](const char* what, auto value, const char* help) {
    write(what, "gauge", value, help);
  };
  const auto counter = [&](const char* what, auto value, const char* help) {
    write(what, "counter", value, help);
  };
  gauge("max_size", figures.max_size, "Connections at most.");
  gauge("open", figures.open, "Connections there are, or are being made.");
  gauge("idle", figures.idle, "Connections that nobody holds.");
  gauge("on_loan", figures.on_loan, "Connections that somebody holds.");
  gauge("waiting", figures.waiting, "Callers in line.");
  counter("acquired_total", figures.acquired, "Loans.");
  counter("waited_total", figures.waited, "Loans after waiting in line.");
  counter("timeouts_total", figures.timeouts, "Callers who gave up waiting.");
  counter("created_total", figures.created, "Connections made.");
  counter("connect_failures_total", figures.connect_failures, "Attempts to connect that failed.");
  counter("closed_idle_total", figures.closed_idle, "Connections closed for idleness.");
  counter("closed_old_total", figures.closed_old, "Connections closed for their age.");
  counter("closed_broken_total", figures.closed_broken,
          "Connections closed that were broken or within a transaction.");
  counter("leaks_reported_total", figures.leaks_reported, "Loans reported as too long.");
  gauge("wait_median_seconds", seconds_of(figures.wait_median), "Median of all waits in line.");
  gauge("wait_p99_seconds", seconds_of(figures.wait_p99), "99 of 100 waits in line were shorter.");
  gauge("wait_longest_seconds", seconds_of(figures.wait_longest), "The longest wait in line.");
  return text.str();
}

}  // namespace stash
