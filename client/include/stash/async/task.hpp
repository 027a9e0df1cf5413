// A coroutine that starts when it is awaited.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>
#include <variant>

#include "stash/error.hpp"

namespace stash::async {

template <typename T>
class task;

namespace detail {

// Who is told of the end: the coroutine that awaits, or whoever started it (see start_task).
struct promise_base {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  // Called instead, when it is set; returns what to resume.
  std::coroutine_handle<> (*done)(void*) = nullptr;
  void* context = nullptr;

  struct final_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      promise_base& mine = ended.promise();
      return mine.done != nullptr ? mine.done(mine.context) : mine.continuation;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  final_awaiter final_suspend() noexcept { return {}; }
};

template <typename T>
struct promise : promise_base {
  std::variant<std::monostate, T, std::exception_ptr> outcome;

  task<T> get_return_object() noexcept;
  void unhandled_exception() noexcept { outcome.template emplace<2>(std::current_exception()); }
  template <typename U>
  requires std::is_constructible_v<T, U&&>
  void return_value(U&& value) { outcome.template emplace<1>(std::forward<U>(value)); }
  T take() {
    if (outcome.index() == 2) std::rethrow_exception(std::get<2>(outcome));
    return std::move(std::get<1>(outcome));
  }
};

template <>
struct promise<void> : promise_base {
  std::exception_ptr failed;

  task<void> get_return_object() noexcept;
  void unhandled_exception() noexcept { failed = std::current_exception(); }
  void return_void() noexcept {}
  void take() const {
    if (failed) std::rethrow_exception(failed);
  }
};

struct task_access;

}  // namespace detail

/// The result of a coroutine. It runs when it is awaited, once; destroyed before its end, it is
/// cancelled: what it waits for is given up, and its locals are destroyed. Movable, not
/// thread-safe.
template <typename T>
class [[nodiscard]] task {
 public:
  using promise_type = detail::promise<T>;
  using value_type = T;

  task(task&& other) noexcept : mine_(std::exchange(other.mine_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (mine_) mine_.destroy();
      mine_ = std::exchange(other.mine_, nullptr);
    }
    return *this;
  }
  ~task() {
    if (mine_) mine_.destroy();
  }

  /// What awaits it.
  auto operator co_await() && noexcept {
    struct awaiter {
      std::coroutine_handle<promise_type> mine;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept {
        mine.promise().continuation = who;
        return mine;
      }
      T await_resume() { return mine.promise().take(); }
    };
    return awaiter{mine_};
  }

 private:
  friend promise_type;
  friend struct detail::task_access;
  explicit task(std::coroutine_handle<promise_type> mine) noexcept : mine_(mine) {}

  std::coroutine_handle<promise_type> mine_;
};

namespace detail {

template <typename T>
task<T> promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline task<void> promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

// For whoever starts tasks without awaiting them.
struct task_access {
  // `done(context)` is called at the end and returns what to resume; the task must live until then.
  template <typename T>
  static void start(task<T>& one, std::coroutine_handle<> (*done)(void*), void* context) {
    one.mine_.promise().done = done;
    one.mine_.promise().context = context;
    one.mine_.resume();
  }
  template <typename T>
  static T take(task<T>& one) {
    return one.mine_.promise().take();
  }
};

}  // namespace detail
}  // namespace stash::async
