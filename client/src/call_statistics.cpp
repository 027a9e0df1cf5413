// See stash/call_statistics.hpp.
//
// Lock: `names` guards the map and what owns the texts; an entry is never removed, and its counts
// are atomic. Errors, which are rare, have a lock of their own in each entry. Texts of statements
// seen before are found without a lock, for a text and its place are written once.
#include "stash/call_statistics.hpp"

// Within this file: nothing of it is to be seen from outside.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "prometheus_text.hpp"

namespace stash {
namespace {

constexpr std::size_t steps = 16;
constexpr std::size_t most_names = 256;
// Texts that are found at once: about four times as many places as the extension has functions.
constexpr std::size_t most_texts = 512;
constexpr std::size_t longest_text = 256;

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
  struct text {
    std::string sql;
    entry* counts;
  };
  mutable std::shared_mutex names;
  std::map<std::string, std::unique_ptr<entry>, std::less<>> entries;
  std::vector<std::unique_ptr<const text>> texts;
  std::array<std::atomic<const text*>, most_texts> places{};

  // Where a statement is counted. The first text of a place has it for ever.
  entry& of(std::string_view sql) {
    auto& place = places[XXH3_64bits(sql.data(), sql.size()) % most_texts];
    const text* first = place.load(std::memory_order_acquire);
    if (first != nullptr && first->sql == sql) return *first->counts;
    entry& counts = at(name_of(sql));
    if (first == nullptr && sql.size() <= longest_text) {
      const std::lock_guard lock(names);
      if (place.load(std::memory_order_relaxed) == nullptr) {
        texts.push_back(std::make_unique<const text>(text{std::string(sql), &counts}));
        place.store(texts.back().get(), std::memory_order_release);
      }
    }
    return counts;
  }

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
  entry& mine = state_->of(one.sql);
  mine.calls.fetch_add(1, std::memory_order_relaxed);
  mine.nanoseconds.fetch_add(one.took.count(), std::memory_order_relaxed);
  // Most calls are short: the first steps are looked at first.
  const double seconds = std::chrono::duration<double>(one.took).count();
  std::size_t step = 0;
  while (step < steps && seconds > bounds()[step]) step++;
  mine.counts[step].fetch_add(1, std::memory_order_relaxed);
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
  detail::prometheus_stream text;
  const std::vector<call_figures> all = calls.figures();
  const auto labels = [&](const call_figures& one) {
    return "client=\"" + detail::escaped(client) + "\",call=\"" + one.name + "\"";
  };
  text.declare("stash_call_seconds", "histogram",
               "Time of calls, with waiting for a connection and attempts that failed.");
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
  text.declare("stash_call_errors_total", "counter",
               "Calls that failed, by class of the SQLSTATE or kind of failure.");
  for (const call_figures& one : all)
    for (const auto& [kind, count] : one.errors)
      text << "stash_call_errors_total{" << labels(one) << ",class=\"" << kind << "\"} " << count
           << '\n';
  text.declare("stash_call_retries_total", "counter", "Attempts beyond the first.");
  for (const call_figures& one : all)
    text << "stash_call_retries_total{" << labels(one) << "} " << one.retries << '\n';
  return text.str();
}

}  // namespace stash
