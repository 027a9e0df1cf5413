// Where coroutines of the client wait: for a socket, for a moment, for somebody who calls wake(),
// or until a stop is requested, whichever is first. Used once:
//
//   waiting here(loop, *watch, interest::read, until, stop);
//   switch (co_await here) …
//
// Everything happens in the loop's thread but the request to stop, which is posted to it. Destroyed
// while the coroutine waits, it gives up.
#pragma once

#include <coroutine>
#include <optional>
#include <stop_token>

#include "stash/async/reactor.hpp"

namespace stash::async::detail {

class waiting {
 public:
  enum class outcome { ready, timed_out, stopped, woken };

  waiting(reactor& loop, watch& on, interest what, steady_clock::time_point until,
          std::stop_token stop)
      : loop_(&loop), on_(&on), what_(what), until_(until), stop_(std::move(stop)) {}
  waiting(const waiting&) = delete;
  waiting& operator=(const waiting&) = delete;
  ~waiting();

  [[nodiscard]] bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> who);
  [[nodiscard]] outcome await_resume() const noexcept { return outcome_; }

  // Resumes the coroutine soon. Only while it waits.
  void wake();

 private:
  // Outlives the coroutine in what was posted.
  struct link {
    waiting* self;
  };
  struct post_stop {
    reactor* loop;
    std::shared_ptr<link> link_to;
    void operator()() const;
  };
  void finish(outcome how);
  static void finish_later(const std::shared_ptr<link>& to, outcome how);

  reactor* loop_;
  watch* on_;
  interest what_;
  steady_clock::time_point until_;
  std::stop_token stop_;
  std::coroutine_handle<> who_;
  outcome outcome_ = outcome::stopped;
  std::shared_ptr<link> link_;
  std::optional<std::stop_callback<post_stop>> on_stop_;
};

}  // namespace stash::async::detail
