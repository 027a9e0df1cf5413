// See stash/pool.hpp. The work is pool_state's.
#include "stash/pool.hpp"

#include <algorithm>

#include "pool_state.hpp"

namespace stash {

using detail::steady;

pool::pool(pool_options options) {
  detail::check_sizes(options.min_size, options.max_size);
  state_ = std::make_shared<detail::pool_state>(std::move(options));
  {
    std::vector<pooled_connection> first;
    for (std::size_t i = 0; i < state_->options.min_size; i++) first.push_back(acquire());
  }
  state_->maintenance = std::thread([state = state_.get()] { state->maintain(); });
}

pool::~pool() {
  close();
  if (state_->maintenance.joinable()) state_->maintenance.join();
}

pooled_connection pool::acquire(std::source_location where) {
  return acquire_for(state_->options.acquire_timeout, where);
}

pooled_connection pool::acquire_for(std::chrono::milliseconds timeout, std::source_location where) {
  return {state_, state_->acquire(steady::now() + timeout, where)};
}

std::optional<pooled_connection> pool::try_acquire(std::source_location where) {
  detail::pool_slot* slot = state_->try_acquire(where);
  if (slot == nullptr) return std::nullopt;
  return pooled_connection(state_, slot);
}

void pool::resize(std::size_t min_size, std::size_t max_size) {
  detail::check_sizes(min_size, max_size);
  state_->resize(min_size, max_size);
}

bool pool::drain(std::chrono::milliseconds timeout) {
  close();
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, timeout, [&] { return state_->open == 0; });
}

void pool::close() noexcept { state_->close(); }

std::size_t pool::terminate_idle(std::chrono::milliseconds idle_for) {
  return state_->terminate_idle(idle_for, false);
}

std::size_t pool::check_health() { return state_->check_idle(); }

pool_statistics pool::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return detail::figures_of(*state_);
}

std::vector<pool_holder> pool::holders() const {
  const std::lock_guard lock(state_->mutex);
  const steady::time_point now = steady::now();
  std::vector<pool_holder> found;
  for (const auto& slot : state_->slots) {
    if (!slot->lent) continue;
    found.push_back({slot->link->server_process(), slot->where, slot->thread, now - slot->since});
  }
  return found;
}

std::vector<std::string> pool::recommendations() const {
  const pool_statistics figures = statistics();
  std::vector<std::string> found;
  const auto say = [&](const std::string& text) { found.push_back(text); };
  if (figures.timeouts > 0)
    say(std::to_string(figures.timeouts) +
        " callers gave up waiting: increase max_size, or hold connections for shorter");
  else if (figures.acquired >= 100 && figures.waited * 10 > figures.acquired)
    say("more than a tenth of the callers waited in line: increase max_size (now " +
        std::to_string(figures.max_size) + "), or hold connections for shorter");
  if (figures.acquired >= 1000 && figures.most_on_loan * 4 < figures.max_size)
    say("never more than " + std::to_string(figures.most_on_loan) + " of " +
        std::to_string(figures.max_size) + " connections were on loan: decrease max_size");
  if (figures.leaks_reported > 0)
    say("connections were held for long: see holders() and the warnings");
  if (figures.created >= 20 && figures.closed_idle * 2 > figures.created)
    say("most connections were closed for idleness and made again: increase min_size or "
        "idle_timeout");
  if (figures.closed_broken * 10 > figures.acquired && figures.closed_broken > 2)
    say("many connections broke or came back within a transaction: look at the network, at "
        "timeouts of the server, and at transactions that are not ended");
  if (figures.connect_failures > 0)
    say(std::to_string(figures.connect_failures) + " attempts to connect failed");
  return found;
}

}  // namespace stash
