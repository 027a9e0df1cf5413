// See load.hpp. The clock is read once per wake-up, not once per operation: with many clients one
// wake-up serves several of them.
#include "load.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <random>
#include <stdexcept>
#include <thread>

namespace stash::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr int wake_up_limit_ms = 60'000;

double cpu_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class epoll_set {
 public:
  epoll_set() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("epoll_create1 failed");
  }
  ~epoll_set() { close(descriptor_); }
  epoll_set(const epoll_set&) = delete;
  epoll_set& operator=(const epoll_set&) = delete;

  void add(connection* what) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = what;
    if (epoll_ctl(descriptor_, EPOLL_CTL_ADD, what->descriptor(), &event) < 0) {
      throw std::runtime_error(std::string("epoll_ctl: ") + std::strerror(errno));
    }
  }
  int wait(epoll_event* events, int size) {
    const int ready = epoll_wait(descriptor_, events, size, wake_up_limit_ms);
    if (ready < 0 && errno != EINTR) throw std::runtime_error("epoll_wait failed");
    if (ready == 0) throw std::runtime_error("no reply from the server for a minute");
    return std::max(ready, 0);
  }

 private:
  int descriptor_;
};

// One thread's share of a run.
struct share {
  std::vector<connection*> connections;
  load_result result;
  std::exception_ptr failure;

  void run(key_space& keys, double seconds) {
    try {
      drive(keys, seconds);
    } catch (...) {
      failure = std::current_exception();
    }
  }

 private:
  void drive(key_space& keys, double seconds) {
    static thread_local random_source random(std::random_device{}());
    epoll_set ready_set;
    std::size_t under_way = 0;
    const auto start = clock::now();
    const auto end =
        start + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
    const double cpu_before = cpu_of_this_thread();
    for (connection* each : connections) {
      ready_set.add(each);
      if (keys.exhausted()) continue;
      each->send(keys, random);
      under_way++;
    }
    epoll_event events[64];
    while (under_way > 0) {
      const int ready = ready_set.wait(events, 64);
      const bool over = clock::now() >= end;
      for (int i = 0; i < ready; i++) {
        auto* const each = static_cast<connection*>(events[i].data.ptr);
        if (!each->receive(result.counts)) continue;
        if (over || keys.exhausted()) {
          under_way--;
        } else {
          each->send(keys, random);
        }
      }
    }
    result.seconds = std::chrono::duration<double>(clock::now() - start).count();
    result.cpu_seconds = cpu_of_this_thread() - cpu_before;
  }
};

}  // namespace

load_result run_load(const connection_list& connections, key_space& keys, double seconds,
                     int threads) {
  std::vector<share> shares(std::min<std::size_t>(threads, connections.size()));
  for (std::size_t i = 0; i < connections.size(); i++) {
    shares[i % shares.size()].connections.push_back(connections[i].get());
  }
  std::vector<std::thread> workers;
  for (share& each : shares) {
    workers.emplace_back([&each, &keys, seconds] { each.run(keys, seconds); });
  }
  for (std::thread& worker : workers) worker.join();
  load_result total;
  for (const share& each : shares) {
    if (each.failure) std::rethrow_exception(each.failure);
    total.counts.operations += each.result.counts.operations;
    total.counts.rejected += each.result.counts.rejected;
    total.seconds = std::max(total.seconds, each.result.seconds);
    total.cpu_seconds += each.result.cpu_seconds;
  }
  return total;
}

int default_threads(int clients) { return clients > 1 ? 2 : 1; }

}  // namespace stash::bench
