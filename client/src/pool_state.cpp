// See pool_state.hpp.
#include "pool_state.hpp"

#include <algorithm>

namespace stash::detail {
namespace {

// What a thread gave back last, and when. The address is compared only.
struct last_release {
  const pool_state* pool = nullptr;
  steady::time_point when;
};
thread_local last_release released;

// A thread that comes back within this time is in a loop of calls.
constexpr std::chrono::microseconds at_once{20};

}  // namespace

std::unique_ptr<connection> pool_state::make_connection() {
  auto link = std::make_unique<connection>(
      connection_options{options.conninfo, options.prepared_statements, options.connect_timeout});
  if (options.on_connect) options.on_connect(*link);
  return link;
}

// The caller has counted the place in `open`. On an error it goes to the next in line, who will
// most likely hear the same, but not wait for it in vain.
pool_slot* pool_state::connect(std::unique_lock<std::mutex>& lock) {
  figures.connecting++;
  lock.unlock();
  std::unique_ptr<connection> link;
  try {
    link = make_connection();
  } catch (...) {
    lock.lock();
    figures.connecting--;
    figures.connect_failures++;
    open--;
    pass_on_place();
    if (closed) changed.notify_all();
    throw;
  }
  lock.lock();
  figures.connecting--;
  figures.created++;
  slots.push_back(std::make_unique<pool_slot>());
  pool_slot* slot = slots.back().get();
  slot->link = std::move(link);
  slot->idle_since = steady::now();
  slot->expires = expiry(options.max_lifetime, slot->idle_since);
  return slot;
}

bool pool_state::fit(const pool_slot& slot, steady::time_point now) const {
  return slot.link->usable() && now < slot.expires;
}

// The slot is no longer the pool's; the caller destroys it outside the lock, for closing a
// connection sends a message.
std::unique_ptr<pool_slot> pool_state::take_out(pool_slot* slot) {
  const auto at = std::find_if(slots.begin(), slots.end(),
                               [&](const auto& each) { return each.get() == slot; });
  std::unique_ptr<pool_slot> taken = std::move(*at);
  slots.erase(at);
  open--;
  return taken;
}

void pool_state::pass_on_place() {
  if (waiters.empty() || closed || open >= options.max_size) return;
  pool_waiter* next = waiters.front();
  waiters.pop_front();
  open++;
  next->may_connect = true;
  next->called.notify_one();
}

bool pool_state::comes_back(steady::time_point now) const {
  return released.pool == this && now - released.when < at_once;
}

pool_slot* pool_state::take_idle() {
  pool_slot* slot = idle.back();
  idle.pop_back();
  slot->kept = false;
  return slot;
}

// What is kept for the calling thread, if its turn is not over. If it is, the first in line gets
// it.
pool_slot* pool_state::take_kept(steady::time_point now) {
  const auto mine = std::find_if(idle.begin(), idle.end(), [](const pool_slot* each) {
    return each->kept && each->thread == std::this_thread::get_id();
  });
  if (mine == idle.end()) return nullptr;
  pool_slot* slot = *mine;
  idle.erase(mine);
  slot->kept = false;
  if (now < slot->turn_ends) return slot;
  slot->idle_since = now;
  hand_over(slot);
  return nullptr;
}

// To the first in line; there is one.
void pool_state::hand_over(pool_slot* slot) {
  pool_waiter* next = waiters.front();
  waiters.pop_front();
  slot->turn_ends = {};
  next->slot = slot;
  // Under the lock: the waiter's condition variable goes when it has seen its slot.
  next->called.notify_one();
}

// Kept for threads that did not come back.
void pool_state::hand_over_forgotten(steady::time_point now) {
  for (std::size_t i = 0; i < idle.size() && !waiters.empty();) {
    pool_slot* slot = idle[i];
    if (now - slot->idle_since < at_once) {
      i++;
      continue;
    }
    idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(i));
    slot->kept = false;
    hand_over(slot);
  }
}

// Makes a slot ready for its borrower: replaces its connection when it is too old or gives no sign
// of life after a long rest.
pool_slot* pool_state::lend(std::unique_lock<std::mutex>& lock, pool_slot* slot,
                            pool_request asked) {
  const steady::time_point now = asked.now;
  const bool old = now >= slot->expires;
  const bool rested =
      now - slot->idle_since >= options.check_after || slot->idle_since <= broken_at;
  if (old || rested || !slot->link->usable()) {
    lock.unlock();
    const bool alive = !old && slot->link->check();
    lock.lock();
    if (!alive) {
      (old ? figures.closed_old : figures.closed_broken)++;
      if (!old) broken_at = now;
      const std::unique_ptr<pool_slot> gone = take_out(slot);
      open++;
      lock.unlock();
      gone->link.reset();
      lock.lock();
      slot = connect(lock);
    }
    asked.now = steady::now();
  }
  if (asked.now >= slot->turn_ends) slot->turn_ends = asked.now + options.turn;
  slot->returning = asked.returning;
  slot->since = asked.now;
  slot->where = asked.where;
  slot->thread = std::this_thread::get_id();
  slot->reported = false;
  slot->lent = true;
  figures.acquired++;
  figures.on_loan++;
  figures.most_on_loan = std::max(figures.most_on_loan, figures.on_loan);
  return slot;
}

pool_slot* pool_state::wait_in_line(std::unique_lock<std::mutex>& lock,
                                    steady::time_point deadline) {
  pool_waiter mine;
  const steady::time_point begun = steady::now();
  waiters.push_back(&mine);
  figures.most_waiting = std::max(figures.most_waiting, waiters.size());
  const auto served = [&] { return mine.slot != nullptr || mine.may_connect || mine.turned_away; };
  for (steady::time_point until = begun; !served() && until < deadline;) {
    until =
        std::min(deadline, steady::now() + std::max<steady::duration>(2 * options.turn, at_once));
    if (options.turn.count() == 0) until = deadline;
    if (!mine.called.wait_until(lock, until, served)) hand_over_forgotten(steady::now());
  }
  if (!served()) {
    waiters.erase(std::find(waiters.begin(), waiters.end(), &mine));
    figures.timeouts++;
    throw none_became_free(figures, options.max_size);
  }
  if (mine.turned_away) throw usage_error("the pool is closed");
  figures.waited++;
  waits.add(steady::now() - begun);
  return mine.may_connect ? connect(lock) : mine.slot;
}

pool_slot* pool_state::acquire(steady::time_point now, std::chrono::milliseconds timeout,
                               std::source_location where) {
  pool_request asked(where, now);
  asked.returning = comes_back(asked.now);
  std::unique_lock lock(mutex);
  if (closed) throw usage_error("the pool is closed");
  if (!waiters.empty()) {
    if (pool_slot* mine = take_kept(asked.now)) return lend(lock, mine, asked);
  }
  if (waiters.empty()) {
    if (!idle.empty()) return lend(lock, take_idle(), asked);
    if (open < options.max_size) {
      open++;
      return lend(lock, connect(lock), asked);
    }
  }
  pool_slot* slot = wait_in_line(lock, now + timeout);
  asked.now = steady::now();
  return lend(lock, slot, asked);
}

pool_slot* pool_state::try_acquire(std::source_location where) {
  const pool_request asked(where, steady::now());
  std::unique_lock lock(mutex);
  if (closed) throw usage_error("the pool is closed");
  if (!waiters.empty()) return nullptr;
  if (!idle.empty()) return lend(lock, take_idle(), asked);
  if (open >= options.max_size) return nullptr;
  open++;
  return lend(lock, connect(lock), asked);
}

void pool_state::release(pool_slot* slot, bool discard, steady::time_point now) noexcept {
  const bool dirty = discard || slot->link->in_transaction();
  std::unique_ptr<pool_slot> gone;
  {
    const std::lock_guard lock(mutex);
    released = {this, now};
    figures.on_loan--;
    if (!slot->link->usable()) broken_at = now;
    if (dirty || closed || open > options.max_size || !fit(*slot, now)) {
      if (!slot->link->usable() || dirty)
        figures.closed_broken++;
      else if (now >= slot->expires)
        figures.closed_old++;
      gone = take_out(slot);
      pass_on_place();
    } else {
      // One that was only looked at keeps its rest.
      if (slot->lent || !waiters.empty()) slot->idle_since = now;
      slot->kept = slot->lent && slot->returning && now < slot->turn_ends;
      slot->lent = false;
      if (!waiters.empty() && !slot->kept)
        hand_over(slot);
      else
        idle.push_back(slot);
    }
    if (closed) changed.notify_all();
  }
}

void pool_state::close() noexcept {
  std::vector<std::unique_ptr<pool_slot>> gone;
  const std::lock_guard lock(mutex);
  closed = true;
  for (pool_waiter* each : waiters) {
    each->turned_away = true;
    each->called.notify_one();
  }
  waiters.clear();
  for (pool_slot* each : idle) gone.push_back(take_out(each));
  idle.clear();
  changed.notify_all();
}

void pool_state::resize(std::size_t min_size, std::size_t max_size) {
  std::vector<std::unique_ptr<pool_slot>> gone;
  const std::lock_guard lock(mutex);
  options.min_size = min_size;
  options.max_size = max_size;
  while (open > max_size && !idle.empty()) {
    gone.push_back(take_out(idle.front()));
    idle.erase(idle.begin());
    figures.closed_idle++;
  }
  while (!waiters.empty() && open < max_size) pass_on_place();
}

std::size_t pool_state::terminate_idle(std::chrono::milliseconds idle_for, bool count_minimum) {
  std::vector<std::unique_ptr<pool_slot>> gone;
  {
    const std::lock_guard lock(mutex);
    const steady::time_point now = steady::now();
    // The longest unused stand in front.
    while (!idle.empty() && now - idle.front()->idle_since >= idle_for &&
           !(count_minimum && open <= options.min_size)) {
      gone.push_back(take_out(idle.front()));
      idle.erase(idle.begin());
      figures.closed_idle++;
    }
  }
  return gone.size();
}

std::size_t pool_state::check_idle() {
  std::vector<pool_slot*> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(idle);
    figures.on_loan += taken.size();
  }
  std::size_t broken = 0;
  for (pool_slot* each : taken) {
    const bool alive = each->link->check();
    broken += alive ? 0 : 1;
    release(each, !alive, steady::now());
  }
  return broken;
}

void pool_state::report_leaks() {
  if (options.leak_after.count() == 0 || !options.on_warning) return;
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex);
    const steady::time_point now = steady::now();
    for (const auto& slot : slots) {
      if (!slot->lent || slot->reported || now - slot->since < options.leak_after) continue;
      slot->reported = true;
      figures.leaks_reported++;
      lines.push_back(leak_warning(now - slot->since, slot->where));
    }
  }
  for (const std::string& line : lines) options.on_warning(line);
}

void pool_state::fill_minimum() {
  std::unique_lock lock(mutex);
  if (closed || open >= options.min_size || open >= options.max_size) return;
  open++;
  try {
    pool_slot* slot = connect(lock);
    figures.on_loan++;
    lock.unlock();
    release(slot, false, steady::now());
  } catch (const std::exception& failed) {
    if (lock.owns_lock()) lock.unlock();
    if (options.on_warning) options.on_warning(std::string("could not connect: ") + failed.what());
  }
}

// The pool's own thread, until the pool is closed.
void pool_state::maintain() {
  constexpr std::chrono::milliseconds shortest{20};
  constexpr std::chrono::milliseconds longest{1000};
  std::chrono::milliseconds pause = longest;
  for (const auto each : {options.idle_timeout, options.leak_after})
    if (each.count() > 0) pause = std::clamp(each / 4, shortest, pause);
  for (;;) {
    {
      std::unique_lock lock(mutex);
      if (changed.wait_for(lock, pause, [&] { return closed; })) return;
    }
    if (options.idle_timeout.count() > 0) (void)terminate_idle(options.idle_timeout, true);
    report_leaks();
    fill_minimum();
  }
}

}  // namespace stash::detail
