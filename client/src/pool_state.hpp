// What a pool and its handles share.
//
// Lock: `mutex` guards everything here but a slot's connection, which belongs to whoever holds the
// slot: its borrower, or the pool while the slot stands in `idle`. No connection is made, asked or
// closed under the lock.
// Invariants: `open` counts slots and promises to connect, never more than max_size when a new one
// is made; nobody waits while a connection is idle or may be made, unless it is kept for the thread
// that gave it back a moment ago; waiters are served in the order in which they came.
//
// Turns: a thread that asks again right after giving back keeps its connection while others wait,
// until pool_options::turn is over. Strictly in order, each call would cost a switch of threads
// more, a third of what threads in a loop can do. Such a thread wakes nobody when it gives back: if
// it does not return after all, the first waiter to look (each looks after two turns) takes it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "pool_rules.hpp"
#include "stash/pool.hpp"

namespace stash::detail {

struct pool_slot : loan_slot<connection> {
  steady::time_point expires;
  steady::time_point idle_since;
  steady::time_point turn_ends;
  // Of the present loan.
  steady::time_point since;
  std::source_location where;
  std::thread::id thread;
  bool reported = false;
  bool lent = false;
  bool returning = false;  // the present loan followed right upon another one of its thread
  bool kept = false;       // idle, but for its thread while others wait
};

// Somebody in line. Gets a slot, or the promise of a place for a connection of its own.
struct pool_waiter {
  std::condition_variable called;
  pool_slot* slot = nullptr;
  bool may_connect = false;
  bool turned_away = false;  // the pool was closed
};

// Somebody who asks for a connection.
struct pool_request {
  pool_request(std::source_location where, steady::time_point now) : where(where), now(now) {}

  std::source_location where;
  steady::time_point now;
  bool returning = false;  // see pool_slot
};

struct pool_state final : lender<connection> {
  explicit pool_state(pool_options given) : options(std::move(given)) {}

  // `now` is this moment: whoever borrows for one call has read the clock already.
  pool_slot* acquire(steady::time_point now, std::chrono::milliseconds timeout,
                     std::source_location where);
  pool_slot* try_acquire(std::source_location where);
  void release(pool_slot* slot, bool discard, steady::time_point now) noexcept;
  void take_back(loan_slot<connection>* slot, bool discard) noexcept override {
    release(static_cast<pool_slot*>(slot), discard, steady::now());
  }
  void close() noexcept;
  void resize(std::size_t min_size, std::size_t max_size);
  void maintain();
  std::size_t terminate_idle(std::chrono::milliseconds idle_for, bool count_minimum);
  std::size_t check_idle();

  pool_options options;
  mutable std::mutex mutex;
  std::condition_variable changed;  // drain() and the maintenance thread wait here
  std::vector<std::unique_ptr<pool_slot>> slots;
  std::vector<pool_slot*> idle;  // the last one back is the first one out
  std::deque<pool_waiter*> waiters;
  std::size_t open = 0;
  bool closed = false;
  // When a connection was last found broken: those that lay idle then are asked before they are
  // lent, for a server that restarted took them all.
  steady::time_point broken_at = steady::time_point::min();
  pool_statistics figures;
  wait_histogram waits;
  std::thread maintenance;

 private:
  pool_slot* wait_in_line(std::unique_lock<std::mutex>& lock, steady::time_point deadline);
  pool_slot* lend(std::unique_lock<std::mutex>& lock, pool_slot* slot, pool_request asked);
  [[nodiscard]] bool comes_back(steady::time_point now) const;
  pool_slot* take_idle();
  pool_slot* take_kept(steady::time_point now);
  void hand_over(pool_slot* slot);
  void hand_over_forgotten(steady::time_point now);
  pool_slot* connect(std::unique_lock<std::mutex>& lock);
  std::unique_ptr<connection> make_connection();
  bool fit(const pool_slot& slot, steady::time_point now) const;
  std::unique_ptr<pool_slot> take_out(pool_slot* slot);
  void pass_on_place();
  void report_leaks();
  void fill_minimum();
};

}  // namespace stash::detail
