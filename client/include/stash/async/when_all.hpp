// Several tasks at once: each on a connection of its own, as far as the pool goes.
#pragma once

#include <tuple>
#include <vector>

#include "stash/async/task.hpp"

namespace stash::async {
namespace detail {

// Counts down the tasks that run; the last one resumes whoever waits.
struct countdown {
  std::size_t left = 0;
  std::coroutine_handle<> waiting = std::noop_coroutine();

  static std::coroutine_handle<> one_less(void* context) {
    auto* mine = static_cast<countdown*>(context);
    return --mine->left == 0 ? mine->waiting : std::noop_coroutine();
  }
};

template <typename... Tasks>
struct all_started {
  countdown& counter;
  std::tuple<Tasks&...> tasks;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> who) {
    // One more than there are, so that nobody resumes while they are still being started.
    counter.left = 1;
    std::apply([&](auto&... each) { (start(each), ...); }, tasks);
    counter.waiting = who;
    return --counter.left != 0;
  }
  void await_resume() const noexcept {}

 private:
  template <typename T>
  void start(task<T>& one) {
    counter.left++;
    task_access::start(one, countdown::one_less, &counter);
  }
  template <typename T>
  void start(std::vector<task<T>>& several) {
    for (auto& each : several) start(each);
  }
};

}  // namespace detail

/// Runs all of them; their values in order. When some throw, the first one's exception is thrown,
/// after all have ended.
template <typename T>
task<std::vector<T>> when_all(std::vector<task<T>> tasks) {
  detail::countdown counter;
  detail::all_started<std::vector<task<T>>> all{counter, {tasks}};
  co_await all;
  std::vector<T> values;
  values.reserve(tasks.size());
  for (auto& each : tasks) values.push_back(detail::task_access::take(each));
  co_return values;
}

/// The same for tasks that return nothing.
inline task<void> when_all(std::vector<task<void>> tasks) {
  detail::countdown counter;
  detail::all_started<std::vector<task<void>>> all{counter, {tasks}};
  co_await all;
  for (auto& each : tasks) detail::task_access::take(each);
}

/// The same for tasks that return different types: searches in several places, say.
template <typename... Ts>
task<std::tuple<Ts...>> when_all(task<Ts>... tasks) {
  detail::countdown counter;
  detail::all_started<task<Ts>...> all{counter, {tasks...}};
  co_await all;
  co_return std::tuple<Ts...>{detail::task_access::take(tasks)...};
}

}  // namespace stash::async
