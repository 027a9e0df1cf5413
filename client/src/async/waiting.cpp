// See waiting.hpp and stash/async/sleep.hpp.
#include "waiting.hpp"

#include <utility>

#include "stash/async/sleep.hpp"

namespace stash::async::detail {

waiting::~waiting() {
  on_stop_.reset();
  if (link_) link_->self = nullptr;
  if (who_) on_->disarm();
}

bool waiting::await_ready() noexcept { return stop_.stop_requested(); }

void waiting::await_suspend(std::coroutine_handle<> who) {
  who_ = who;
  on_->arm(what_, until_,
           [this](bool ready) { finish(ready ? outcome::ready : outcome::timed_out); });
  if (!stop_.stop_possible()) return;
  link_ = std::make_shared<link>(link{this});
  on_stop_.emplace(stop_, post_stop{loop_, link_});
}

void waiting::post_stop::operator()() const {
  loop->post([to = link_to] { finish_later(to, outcome::stopped); });
}

void waiting::finish_later(const std::shared_ptr<link>& to, outcome how) {
  if (to->self != nullptr) to->self->finish(how);
}

void waiting::wake() {
  if (!link_) link_ = std::make_shared<link>(link{this});
  loop_->post([to = link_] { finish_later(to, outcome::woken); });
}

void waiting::finish(outcome how) {
  if (!who_) return;
  on_->disarm();
  outcome_ = how;
  // The coroutine may destroy this object: nothing is touched behind.
  std::exchange(who_, nullptr).resume();
}

}  // namespace stash::async::detail

namespace stash::async {

task<bool> sleep_for(reactor& loop, std::chrono::nanoseconds how_long, std::stop_token stop) {
  const std::unique_ptr<watch> clock = loop.make_watch(-1);
  const auto until = steady_clock::now() + how_long;
  detail::waiting here(loop, *clock, interest::nothing, until, std::move(stop));
  const detail::waiting::outcome came = co_await here;
  co_return came != detail::waiting::outcome::stopped;
}

}  // namespace stash::async
