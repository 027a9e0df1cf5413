// See stash/async/pool.hpp. The work is pool_state's.
#include "stash/async/pool.hpp"

#include "pool_state.hpp"

namespace stash::async {

pool::pool(reactor& loop, pool_options options) {
  stash::detail::check_sizes(options.min_size, options.max_size);
  state_ = std::make_shared<detail::pool_state>(loop, std::move(options));
  state_->look_after_later();
}

pool::~pool() {
  close();
  state_->filling.reset();
  // The loop may be gone when the last lease is.
  state_->housekeeping.reset();
}

task<lease> pool::acquire(call_limits how, std::source_location where) {
  return state_->acquire(std::move(how), where);
}

void pool::resize(std::size_t min_size, std::size_t max_size) {
  stash::detail::check_sizes(min_size, max_size);
  state_->resize(min_size, max_size);
}

void pool::close() noexcept { state_->close(); }

std::size_t pool::terminate_idle(std::chrono::milliseconds idle_for) {
  return state_->terminate_idle(idle_for, 0);
}

pool_statistics pool::statistics() const { return stash::detail::figures_of(*state_); }

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

std::vector<std::string> pool::recommendations() const {
  return stash::recommendations(statistics());
}

}  // namespace stash::async
