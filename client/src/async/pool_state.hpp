// What an asynchronous pool and its leases share. No lock: all of it belongs to the loop's thread.
//
// Invariants: `open` counts slots and promises to connect; nobody waits while a connection is idle
// or may be made; those in line are served in the order in which they came. Whoever is served but
// destroyed before it goes on passes on what it got.
#pragma once

#include <deque>

#include "pool_rules.hpp"
#include "stash/async/pool.hpp"
#include "waiting.hpp"

namespace stash::async::detail {

struct pool_slot : stash::detail::loan_slot<connection> {
  steady_clock::time_point expires;
  steady_clock::time_point idle_since;
  // Of the present loan.
  steady_clock::time_point since;
  std::source_location where;
  bool reported = false;
  bool lent = false;
};

// Somebody in line, on the frame of its coroutine.
struct pool_waiter {
  waiting* here;
  pool_slot* slot = nullptr;
  bool may_connect = false;
  bool turned_away = false;
};

struct pool_state final : stash::detail::lender<connection>,
                          std::enable_shared_from_this<pool_state> {
  pool_state(reactor& on, pool_options given);

  task<lease> acquire(call_limits how, std::source_location where);
  void release(pool_slot* slot, bool discard) noexcept;
  void take_back(stash::detail::loan_slot<connection>* slot, bool discard) noexcept override {
    release(static_cast<pool_slot*>(slot), discard);
  }
  void close() noexcept;
  void resize(std::size_t min_size, std::size_t max_size);
  // Leaves so many open.
  std::size_t terminate_idle(steady_clock::duration idle_for, std::size_t keep);
  // Sees to it that the loop looks after the pool when there is next something to do.
  void look_after_later();

  reactor* loop;
  pool_options options;
  std::vector<std::unique_ptr<pool_slot>> slots;
  std::vector<pool_slot*> idle;  // the last one back is the first one out
  std::deque<pool_waiter*> waiters;
  std::size_t open = 0;
  bool closed = false;
  // When a connection was last found broken: those that lay idle then are asked before they are
  // lent.
  steady_clock::time_point broken_at = steady_clock::time_point::min();
  pool_statistics figures;
  wait_histogram waits;
  // Closes idle connections when their time has come, reports leaks, fills up to min_size. Armed
  // unless looks_at is max().
  std::unique_ptr<watch> housekeeping;
  steady_clock::time_point looks_at = steady_clock::time_point::max();
  // One connection that is made to fill up. Left to its end by close(), ended by the pool's end.
  std::optional<task<void>> filling;

 private:
  class place;
  struct claim;
  task<pool_slot*> connect(std::unique_ptr<place> mine, call_limits how);
  task<void> stand_in_line(claim& mine, call_limits how, steady_clock::time_point until);
  void give_place() noexcept;
  void hand_out(pool_slot* slot) noexcept;
  void take_out(pool_slot* slot) noexcept;
  [[nodiscard]] steady_clock::time_point next_look() const;
  void look_after();
  void report_leaks();
  void fill_up();
  task<void> make_one_more();
  static std::coroutine_handle<> made_one_more(void* context);

  std::string why_not_filled_;
  steady_clock::time_point next_fill_{};
};

}  // namespace stash::async::detail
