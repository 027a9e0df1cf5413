// See stash/async/event_loop.hpp.
//
// Lock: `mutex` guards `posted` and `asleep`; everything else belongs to the loop's thread.
// Invariants: a watch stands in `sockets` while it is armed for a socket, in `moments` while it is
// armed with an end, in `due` from when it is found ready until it is called; it leaves all of them
// when it is disarmed, so what is called back may arm, disarm and destroy what it likes.
#include "stash/async/event_loop.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <vector>

namespace stash::async {

struct event_loop::spawned_task {
  task<void> work;
  event_loop* loop;
  std::list<spawned_task>::iterator at;

  // It is at its end but not gone yet: in the next turn.
  static std::coroutine_handle<> ended(void* context) {
    auto* mine = static_cast<spawned_task*>(context);
    mine->loop->post([mine] { mine->remove(); });
    return std::noop_coroutine();
  }
  void remove() noexcept;
};

struct event_loop::state {
  using timer = std::multimap<steady_clock::time_point, loop_watch*>;

  std::vector<loop_watch*> sockets;
  timer moments;
  std::deque<loop_watch*> due;
  std::list<spawned_task> spawned;
  std::vector<pollfd> polled;
  int pipe[2] = {-1, -1};

  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  bool asleep = false;
};

void event_loop::spawned_task::remove() noexcept {
  task<void> gone = std::move(work);
  loop->state_->spawned.erase(at);
  // What it threw ends the program here.
  detail::task_access::take(gone);
}

class event_loop::loop_watch : public watch {
 public:
  loop_watch(state& loop, int socket) : loop_(&loop), socket_(socket) {}
  ~loop_watch() override { loop_watch::disarm(); }

  void arm(interest what, steady_clock::time_point until,
           std::function<void(bool)> woken) override {
    disarm();
    what_ = what;
    woken_ = std::move(woken);
    if (what != interest::nothing) loop_->sockets.push_back(this);
    if (until != steady_clock::time_point::max()) at_ = loop_->moments.emplace(until, this);
    timed_ = until != steady_clock::time_point::max();
    armed_ = true;
  }

  void disarm() noexcept override {
    if (!armed_) return;
    leave_lists();
    if (due_) loop_->due.erase(std::find(loop_->due.begin(), loop_->due.end(), this));
    due_ = false;
    armed_ = false;
  }

  void make_due(bool ready) {
    leave_lists();
    due_ = true;
    ready_ = ready;
    loop_->due.push_back(this);
  }

  void call() {
    due_ = false;
    armed_ = false;
    // Taken out first: it may arm this watch again, or destroy it.
    const auto woken = std::move(woken_);
    woken(ready_);
  }

  [[nodiscard]] pollfd question() const {
    const short events =
        what_ == interest::read ? short{POLLIN} : static_cast<short>(POLLIN | POLLOUT);
    return {socket_, events, 0};
  }

 private:
  void leave_lists() noexcept {
    if (due_) return;
    if (what_ != interest::nothing) {
      auto& all = loop_->sockets;
      *std::find(all.begin(), all.end(), this) = all.back();
      all.pop_back();
    }
    if (timed_) loop_->moments.erase(at_);
  }

  state* loop_;
  int socket_;
  interest what_ = interest::nothing;
  std::function<void(bool)> woken_;
  state::timer::iterator at_;
  bool armed_ = false;
  bool timed_ = false;
  bool due_ = false;
  bool ready_ = false;
};

event_loop::event_loop() : state_(std::make_unique<state>()) {
  if (pipe2(state_->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
}

event_loop::~event_loop() {
  state_->spawned.clear();
  close(state_->pipe[0]);
  close(state_->pipe[1]);
}

std::unique_ptr<watch> event_loop::make_watch(int socket) {
  return std::make_unique<loop_watch>(*state_, socket);
}

void event_loop::post(std::function<void()> work) {
  bool wake = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(work));
    wake = std::exchange(state_->asleep, false);
  }
  // A full pipe wakes as well.
  if (wake) (void)!write(state_->pipe[1], "", 1);
}

// One round: what was posted, then the sockets and moments that are ready.
void event_loop::turn() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(state_->mutex);
    work.swap(state_->posted);
    state_->asleep = work.empty();
  }
  for (const auto& each : work) each();

  state& loop = *state_;
  int timeout = work.empty() ? -1 : 0;
  if (timeout < 0 && !loop.moments.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(loop.moments.begin()->first -
                                                                   steady_clock::now());
    timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
  }
  const std::vector<loop_watch*> asked = loop.sockets;
  loop.polled.clear();
  for (const loop_watch* each : asked) loop.polled.push_back(each->question());
  loop.polled.push_back({loop.pipe[0], POLLIN, 0});
  const int ready = poll(loop.polled.data(), loop.polled.size(), timeout);
  {
    const std::lock_guard lock(loop.mutex);
    loop.asleep = false;
  }
  if (ready > 0) {
    for (std::size_t i = 0; i < asked.size(); i++)
      if (loop.polled[i].revents != 0) asked[i]->make_due(true);
    char bytes[16];
    if (loop.polled.back().revents != 0) (void)!read(loop.pipe[0], bytes, sizeof bytes);
  }
  if (!loop.moments.empty()) {
    const auto now = steady_clock::now();
    while (!loop.moments.empty() && loop.moments.begin()->first <= now)
      loop.moments.begin()->second->make_due(false);
  }
  while (!loop.due.empty()) {
    loop_watch* next = loop.due.front();
    loop.due.pop_front();
    next->call();
  }
}

void event_loop::run() {
  while (!state_->spawned.empty()) turn();
}

void event_loop::spawn(task<void> work) {
  state_->spawned.push_back({std::move(work), this, {}});
  const auto at = std::prev(state_->spawned.end());
  at->at = at;
  post([at] { detail::task_access::start(at->work, spawned_task::ended, &*at); });
}

}  // namespace stash::async
