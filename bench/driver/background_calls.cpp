// See background_calls.hpp. Calls go out in small pipelines, for a thread cannot sleep for less
// than some 50 microseconds.
#include "background_calls.hpp"

#include <poll.h>

#include <chrono>
#include <stdexcept>

namespace stash::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr int calls_at_once = 10;
constexpr std::uint64_t distinct_numbers = 1'000'000'000;

}  // namespace

background_calls::background_calls(const std::string& conninfo, const std::string& sql,
                                   double calls_a_second)
    : session_(conninfo),
      calls_(session_, {.sql = sql,
                        .expect = verdict::any,
                        .pipeline = calls_at_once,
                        .own_transactions = true}),
      calls_a_second_(calls_a_second),
      thread_([this] { run(); }) {}

background_calls::~background_calls() { join(); }

void background_calls::join() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

double background_calls::stop() {
  join();
  if (failure_) std::rethrow_exception(failure_);
  return reached_;
}

void background_calls::run() {
  try {
    key_space numbers = key_space::random(distinct_numbers);
    random_source random(7);
    tally counts;
    const auto tick = std::chrono::duration_cast<clock::duration>(
        std::chrono::duration<double>(calls_at_once / calls_a_second_));
    const auto start = clock::now();
    for (auto next = start + tick; !stopping_; next += tick) {
      calls_.send(numbers, random);
      do {
        pollfd readable{calls_.descriptor(), POLLIN, 0};
        if (poll(&readable, 1, -1) < 0) throw std::runtime_error("poll failed");
      } while (!calls_.receive(counts));
      std::this_thread::sleep_until(next);
    }
    reached_ = static_cast<double>(counts.operations) /
               std::chrono::duration<double>(clock::now() - start).count();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

}  // namespace stash::bench
