// See pool_state.hpp.
#include "pool_state.hpp"

#include <algorithm>

namespace stash::async::detail {
namespace {

call_limits left_of(const call_limits& how, steady_clock::time_point until) {
  call_limits rest;
  rest.stop = how.stop;
  rest.timeout = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  return rest;
}

}  // namespace

// The right to make one connection, counted in `open`. Goes to the next in line when it is not
// used, also when the coroutine that connects is destroyed.
class pool_state::place {
 public:
  explicit place(pool_state& mine) : mine_(&mine) {}
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() {
    if (mine_ != nullptr) mine_->give_place();
  }
  void used() noexcept { mine_ = nullptr; }

 private:
  pool_state* mine_;
};

// What somebody got from the line, or took; given back unless it is lent.
struct pool_state::claim {
  explicit claim(pool_state& given) : mine(given) {}
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;
  ~claim() {
    if (slot != nullptr) mine.hand_out(slot);
  }

  pool_state& mine;
  pool_slot* slot = nullptr;
  std::unique_ptr<place> room;
};

pool_state::pool_state(reactor& on, pool_options given)
    : loop(&on), options(std::move(given)), housekeeping(on.make_watch(-1)) {}

void pool_state::give_place() noexcept {
  open--;
  if (waiters.empty() || closed || open >= options.max_size) {
    if (open < options.min_size) look_after_later();
    return;
  }
  pool_waiter* next = waiters.front();
  waiters.pop_front();
  open++;
  next->may_connect = true;
  next->here->wake();
}

// To the next in line, or to rest.
void pool_state::hand_out(pool_slot* slot) noexcept {
  if (closed || open > options.max_size || !slot->link->usable()) return take_out(slot);
  if (waiters.empty()) {
    idle.push_back(slot);
    look_after_later();
    return;
  }
  pool_waiter* next = waiters.front();
  waiters.pop_front();
  next->slot = slot;
  next->here->wake();
}

void pool_state::take_out(pool_slot* slot) noexcept {
  const auto at = std::find_if(slots.begin(), slots.end(),
                               [&](const auto& each) { return each.get() == slot; });
  std::iter_swap(at, slots.end() - 1);
  slots.pop_back();
  give_place();
}

task<pool_slot*> pool_state::connect(std::unique_ptr<place> mine, call_limits how) {
  // Whatever happens meanwhile, the pool stays.
  const std::shared_ptr<pool_state> keep = shared_from_this();
  struct counter {
    std::size_t& number;
    ~counter() { number--; }
  };
  figures.connecting++;
  const counter connecting{figures.connecting};
  std::unique_ptr<connection> link;
  try {
    connection_options words;
    words.conninfo = options.conninfo;
    words.prepared_statements = options.prepared_statements;
    words.connect_timeout = options.connect_timeout;
    link = co_await connection::open(*loop, std::move(words), how);
    if (options.on_connect) co_await options.on_connect(*link);
  } catch (...) {
    figures.connect_failures++;
    throw;
  }
  figures.created++;
  slots.push_back(std::make_unique<pool_slot>());
  pool_slot* slot = slots.back().get();
  mine->used();
  slot->link = std::move(link);
  slot->idle_since = steady_clock::now();
  slot->expires = stash::detail::expiry(options.max_lifetime, slot->idle_since);
  co_return slot;
}

task<void> pool_state::stand_in_line(claim& mine, call_limits how, steady_clock::time_point until) {
  const std::unique_ptr<watch> clock = loop->make_watch(-1);
  waiting here(*loop, *clock, interest::nothing, until, how.stop);
  // Leaves the line however this ends, and keeps for the claim what it was given.
  struct in_line {
    pool_state& pool;
    claim& mine;
    pool_waiter self;
    ~in_line() {
      const auto at = std::find(pool.waiters.begin(), pool.waiters.end(), &self);
      if (at != pool.waiters.end()) pool.waiters.erase(at);
      mine.slot = self.slot;
      if (self.may_connect) mine.room = std::make_unique<place>(pool);
    }
  };
  const auto begun = steady_clock::now();
  waiting::outcome came{};
  {
    in_line place_in_line{*this, mine, {&here}};
    waiters.push_back(&place_in_line.self);
    figures.most_waiting = std::max(figures.most_waiting, waiters.size());
    came = co_await here;
    if (place_in_line.self.turned_away) throw usage_error("the pool is closed");
  }
  // Served in the very moment when it gave up: then it was served.
  if (mine.slot == nullptr && mine.room == nullptr) {
    if (came == waiting::outcome::stopped) throw cancelled_error("the call was cancelled");
    figures.timeouts++;
    throw stash::detail::none_became_free(figures, options.max_size);
  }
  figures.waited++;
  waits.add(steady_clock::now() - begun);
}

task<lease> pool_state::acquire(call_limits how, std::source_location where) {
  const std::shared_ptr<pool_state> keep = shared_from_this();
  auto until = steady_clock::now() + options.acquire_timeout;
  if (how.timeout) until = std::min(until, steady_clock::now() + *how.timeout);
  if (closed) throw usage_error("the pool is closed");
  claim mine(*this);
  if (waiters.empty() && !idle.empty()) {
    mine.slot = idle.back();
    idle.pop_back();
  } else if (waiters.empty() && open < options.max_size) {
    open++;
    mine.room = std::make_unique<place>(*this);
  } else {
    co_await stand_in_line(mine, how, until);
  }
  if (mine.slot != nullptr) {
    const auto now = steady_clock::now();
    const bool old = now >= mine.slot->expires;
    bool alive = !old && mine.slot->link->usable();
    if (alive &&
        (now - mine.slot->idle_since >= options.check_after || mine.slot->idle_since <= broken_at))
      alive = co_await mine.slot->link->check();
    if (!alive) {
      (old ? figures.closed_old : figures.closed_broken)++;
      if (!old) broken_at = now;
      open++;
      mine.room = std::make_unique<place>(*this);
      take_out(std::exchange(mine.slot, nullptr));
    }
  }
  if (mine.slot == nullptr) mine.slot = co_await connect(std::move(mine.room), left_of(how, until));
  if (closed) throw usage_error("the pool is closed");
  pool_slot* slot = std::exchange(mine.slot, nullptr);
  slot->since = steady_clock::now();
  slot->where = where;
  slot->reported = false;
  slot->lent = true;
  figures.acquired++;
  figures.on_loan++;
  figures.most_on_loan = std::max(figures.most_on_loan, figures.on_loan);
  if (options.on_warning) look_after_later();
  co_return lease(keep, slot);
}

void pool_state::release(pool_slot* slot, bool discard) noexcept {
  const auto now = steady_clock::now();
  figures.on_loan--;
  slot->lent = false;
  slot->idle_since = now;
  const bool broken = discard || !slot->link->usable() || slot->link->base().in_transaction();
  if (broken || now >= slot->expires) {
    (broken ? figures.closed_broken : figures.closed_old)++;
    if (!slot->link->base().usable()) broken_at = now;
    return take_out(slot);
  }
  hand_out(slot);
}

void pool_state::close() noexcept {
  closed = true;
  for (pool_waiter* each : std::exchange(waiters, {})) {
    each->turned_away = true;
    each->here->wake();
  }
  for (pool_slot* each : std::exchange(idle, {})) take_out(each);
  // A timer would keep the loop of others at work.
  if (housekeeping) housekeeping->disarm();
  looks_at = steady_clock::time_point::max();
}

void pool_state::resize(std::size_t min_size, std::size_t max_size) {
  options.min_size = min_size;
  options.max_size = max_size;
  while (open > max_size && !idle.empty()) {
    figures.closed_idle++;
    take_out(idle.front());
    idle.erase(idle.begin());
  }
  while (!waiters.empty() && open < max_size) {
    open++;
    give_place();
  }
  look_after_later();
}

std::size_t pool_state::terminate_idle(steady_clock::duration idle_for, std::size_t keep) {
  const auto now = steady_clock::now();
  std::size_t ended = 0;
  // The longest unused stand in front.
  while (!idle.empty() && open > keep && now - idle.front()->idle_since >= idle_for) {
    pool_slot* slot = idle.front();
    idle.erase(idle.begin());
    take_out(slot);
    figures.closed_idle++;
    ended++;
  }
  return ended;
}

// --- housekeeping

steady_clock::time_point pool_state::next_look() const {
  auto next = steady_clock::time_point::max();
  if (options.idle_timeout.count() > 0 && !idle.empty() && open > options.min_size)
    next = idle.front()->idle_since + options.idle_timeout;
  if (options.leak_after.count() > 0 && options.on_warning)
    for (const auto& slot : slots)
      if (slot->lent && !slot->reported) next = std::min(next, slot->since + options.leak_after);
  if (open < options.min_size && !filling) next = std::min(next, next_fill_);
  return next;
}

void pool_state::look_after_later() {
  if (closed || !housekeeping) return;
  const auto next = next_look();
  if (next >= looks_at) return;
  looks_at = next;
  housekeeping->disarm();
  housekeeping->arm(interest::nothing, next, [this](bool) { look_after(); });
}

void pool_state::look_after() {
  looks_at = steady_clock::time_point::max();
  // A function that is called may let go of the pool.
  const std::shared_ptr<pool_state> keep = shared_from_this();
  if (options.idle_timeout.count() > 0)
    (void)terminate_idle(options.idle_timeout, options.min_size);
  report_leaks();
  fill_up();
  look_after_later();
}

void pool_state::report_leaks() {
  if (options.leak_after.count() == 0 || !options.on_warning) return;
  const auto now = steady_clock::now();
  std::vector<std::string> lines;
  for (const auto& slot : slots) {
    if (!slot->lent || slot->reported || now - slot->since < options.leak_after) continue;
    slot->reported = true;
    figures.leaks_reported++;
    lines.push_back(stash::detail::leak_warning(now - slot->since, slot->where));
  }
  for (const std::string& line : lines) options.on_warning(line);
}

// One after the other, until there are enough.
void pool_state::fill_up() {
  if (closed || filling || open >= options.min_size || steady_clock::now() < next_fill_) return;
  filling.emplace(make_one_more());
  task_access::start(*filling, made_one_more, this);
}

task<void> pool_state::make_one_more() {
  const call_limits none;
  open++;
  try {
    hand_out(co_await connect(std::make_unique<place>(*this), none));
  } catch (const std::exception& failed) {
    why_not_filled_ = failed.what();
  }
}

// It is at its end but not gone yet: in the next turn.
std::coroutine_handle<> pool_state::made_one_more(void* context) {
  auto* mine = static_cast<pool_state*>(context);
  mine->loop->post([keep = mine->shared_from_this()] {
    constexpr std::chrono::seconds pause_after_failure{1};
    keep->filling.reset();
    if (!keep->why_not_filled_.empty()) {
      keep->next_fill_ = steady_clock::now() + pause_after_failure;
      const std::string why = std::exchange(keep->why_not_filled_, {});
      if (keep->options.on_warning) keep->options.on_warning("could not connect: " + why);
    }
    keep->look_after_later();
  });
  return std::noop_coroutine();
}

}  // namespace stash::async::detail
