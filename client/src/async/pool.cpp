// See stash/async/pool.hpp. The work is pool_state's.
#include "stash/async/pool.hpp"

#include "pool_state.hpp"

namespace stash::async {

lease::lease(std::shared_ptr<detail::pool_state> state, detail::pool_slot* slot) noexcept
    : state_(std::move(state)), slot_(slot) {}

lease::lease(lease&& other) noexcept
    : state_(std::move(other.state_)), slot_(std::exchange(other.slot_, nullptr)) {}

lease& lease::operator=(lease&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    slot_ = std::exchange(other.slot_, nullptr);
  }
  return *this;
}

lease::~lease() { release(); }

connection& lease::operator*() const noexcept { return *slot_->link; }

void lease::release() noexcept {
  if (slot_ != nullptr) state_->release(std::exchange(slot_, nullptr), false);
}

void lease::discard() noexcept {
  if (slot_ != nullptr) state_->release(std::exchange(slot_, nullptr), true);
}

pool::pool(reactor& loop, pool_options options) {
  if (options.max_size == 0) throw usage_error("max_size must be at least 1");
  state_ = std::make_shared<detail::pool_state>(loop, std::move(options));
}

pool::~pool() {
  close();
  // The loop may be gone when the last lease is.
  state_->housekeeping.reset();
}

task<lease> pool::acquire(call_limits how, std::source_location where) {
  return state_->acquire(std::move(how), where);
}

void pool::resize(std::size_t max_size) {
  if (max_size == 0) throw usage_error("max_size must be at least 1");
  state_->resize(max_size);
}

void pool::close() noexcept { state_->close(); }

std::size_t pool::terminate_idle(std::chrono::milliseconds idle_for) {
  return state_->terminate_idle(idle_for);
}

pool_statistics pool::statistics() const {
  pool_statistics figures = state_->figures;
  figures.max_size = state_->options.max_size;
  figures.open = state_->open;
  figures.idle = state_->idle.size();
  figures.waiting = state_->waiters.size();
  figures.wait_median = state_->waits.quantile(0.5);
  figures.wait_p95 = state_->waits.quantile(0.95);
  figures.wait_p99 = state_->waits.quantile(0.99);
  figures.wait_longest = state_->waits.longest();
  return figures;
}

std::vector<pool_holder> pool::holders() const {
  const auto now = steady_clock::now();
  std::vector<pool_holder> found;
  for (const auto& slot : state_->slots) {
    if (!slot->lent) continue;
    found.push_back({slot->link->base().server_process(), slot->where, std::this_thread::get_id(),
                     now - slot->since});
  }
  return found;
}

}  // namespace stash::async
