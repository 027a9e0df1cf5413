// See stash/call_statistics.hpp.
//
// Lock: `names` guards the map; an entry is never removed, and its counts are atomic. Errors, which
// are rare, have a lock of their own in each entry.
#include "stash/call_statistics.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <sstream>

#include "prometheus_text.hpp"

namespace stash {
namespace {

constexpr std::size_t steps = 16;
constexpr std::size_t most_names = 256;

bool is_name(char letter) {
  return (letter >= 'a' && letter <= 'z') || letter == '_' || (letter >= '0' && letter <= '9');
}

// What is called in the statement.
std::string_view name_of(std::string_view sql) {
  if (sql == "BEGIN") return "transact";
  constexpr std::string_view schema = "stash.";
  const std::size_t at = sql.find(schema);
  if (at == std::string_view::npos) return "sql";
  std::string_view name = sql.substr(at + schema.size());
  const auto end = std::find_if_not(name.begin(), name.end(), is_name);
  if (end == name.end() || *end != '(') return "sql";
  return name.substr(0, static_cast<std::size_t>(end - name.begin()));
}

std::string class_of(const failure* why) {
  if (why == nullptr) return "other";
  if (why->sqlstate().size() == 5) return why->sqlstate().substr(0, 2);
  switch (why->kind()) {
    case failure_kind::connection:
      return "connection";
    case failure_kind::timeout:
      return "timeout";
    case failure_kind::cancelled:
      return "cancelled";
    case failure_kind::usage:
      return "usage";
    case failure_kind::value:
      return "value";
    case failure_kind::server:
      break;
  }
  return "other";
}

struct entry {
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> retries = 0;
  std::atomic<std::int64_t> nanoseconds = 0;
  std::array<std::atomic<std::uint64_t>, steps + 1> counts{};
  mutable std::mutex mutex;
  std::map<std::string, std::uint64_t> errors;
};

}  // namespace

struct call_statistics::state {
  mutable std::shared_mutex names;
  std::map<std::string, std::unique_ptr<entry>, std::less<>> entries;

  entry& at(std::string_view name) {
    {
      const std::shared_lock lock(names);
      const auto found = entries.find(name);
      if (found != entries.end()) return *found->second;
    }
    const std::lock_guard lock(names);
    if (entries.size() >= most_names && entries.find(name) == entries.end()) name = "other";
    auto& found = entries[std::string(name)];
    if (found == nullptr) found = std::make_unique<entry>();
    return *found;
  }
};

call_statistics::call_statistics() : state_(std::make_unique<state>()) {}
call_statistics::~call_statistics() = default;

const std::array<double, steps>& call_statistics::bounds() {
  static constexpr std::array<double, steps> all{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                 0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                 1,      2.5,     5,      10};
  return all;
}

void call_statistics::record(const call_metrics& one) {
  entry& mine = state_->at(name_of(one.sql));
  mine.calls.fetch_add(1, std::memory_order_relaxed);
  mine.nanoseconds.fetch_add(one.took.count(), std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(one.took).count();
  const auto step = std::lower_bound(bounds().begin(), bounds().end(), seconds);
  mine.counts[static_cast<std::size_t>(step - bounds().begin())].fetch_add(
      1, std::memory_order_relaxed);
  if (one.attempts > 1)
    mine.retries.fetch_add(static_cast<std::uint64_t>(one.attempts - 1), std::memory_order_relaxed);
  if (!one.failed) return;
  const std::lock_guard lock(mine.mutex);
  mine.errors[class_of(one.why)]++;
}

std::vector<call_figures> call_statistics::figures() const {
  std::vector<call_figures> found;
  const std::shared_lock lock(state_->names);
  for (const auto& [name, each] : state_->entries) {
    call_figures one;
    one.name = name;
    one.calls = each->calls;
    one.retries = each->retries;
    one.total = std::chrono::nanoseconds(each->nanoseconds);
    std::uint64_t sum = 0;
    for (const auto& count : each->counts) one.at_most.push_back(sum += count);
    const std::lock_guard errors_lock(each->mutex);
    one.errors = each->errors;
    found.push_back(std::move(one));
  }
  return found;
}

std::string to_prometheus(const call_statistics& calls, const std::string& client) {
  std::ostringstream text;
  const std::vector<call_figures> all = calls.figures();
  const auto labels = [&](const call_figures& one) {
    return "client=\"" + detail::escaped(client) + "\",call=\"" + one.name + "\"";
  };
  text << "# TYPE stash_call_seconds histogram\n";
  for (const call_figures& one : all) {
    const std::string mine = labels(one);
    for (std::size_t i = 0; i <= steps; i++) {
      text << "stash_call_seconds_bucket{" << mine << ",le=\"";
      if (i < steps)
        text << call_statistics::bounds()[i];
      else
        text << "+Inf";
      text << "\"} " << one.at_most[i] << '\n';
    }
    text << "stash_call_seconds_sum{" << mine << "} "
         << std::chrono::duration<double>(one.total).count() << '\n';
    // The same as the last bucket, whatever was counted meanwhile.
    text << "stash_call_seconds_count{" << mine << "} " << one.at_most.back() << '\n';
  }
  text << "# TYPE stash_call_errors_total counter\n";
  for (const call_figures& one : all)
    for (const auto& [kind, count] : one.errors)
      text << "stash_call_errors_total{" << labels(one) << ",class=\"" << kind << "\"} " << count
           << '\n';
  text << "# TYPE stash_call_retries_total counter\n";
  for (const call_figures& one : all)
    text << "stash_call_retries_total{" << labels(one) << "} " << one.retries << '\n';
  return text.str();
}

}  // namespace stash
