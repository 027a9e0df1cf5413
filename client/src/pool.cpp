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
  return {state_, state_->acquire(steady::now(), timeout, where)};
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
  return stash::recommendations(statistics());
}

}  // namespace stash
