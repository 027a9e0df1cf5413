// See forwarder.hpp. The task of the database's worker: the round of its steps.
#include "vector/forwarder.hpp"

#include <poll.h>

#include "boundary/guard.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr std::int64_t reload_us = 5'000'000;
constexpr std::int64_t tend_us = 1'000'000;
verdict_of_row take(const outbox_row& row, int leaf) { return the_forwarder().take_row(row, leaf); }
bool sleeps(std::int32_t sync) { return the_forwarder().asleep(sync); }

void leave_slot(int, Datum) {
  if (vector_slot* slot = my_vector_slot()) slot->worker = 0;
}

}  // namespace

forwarder& the_forwarder() {
  static forwarder* one = nullptr;
  if (one == nullptr) one = new forwarder;
  return *one;
}

forwarder::forwarder() : armed_(vector_waiters) {
  vector_slot* slot = my_vector_slot();
  if (slot == nullptr) return;
  // Requests of a worker that was killed may still be on their way, for keys that nobody knows.
  if (slot->in_flight != 0) hold_until_ = GetCurrentTimestamp() + late_requests::shortest_us;
  slot->worker = compat::process_number() + 1;
  before_shmem_exit(leave_slot, 0);
}

bool forwarder::run(worker::task_context& context) {
  vector_slot* slot = my_vector_slot();
  if (slot == nullptr) return false;
  slot->worker = compat::process_number() + 1;
  // What an error of the last run left half built.
  put_back(building_);
  building_.clear();
  bool more = false;
  do {
    CHECK_FOR_INTERRUPTS();
    const std::int64_t now = GetCurrentTimestamp();
    if (reload_ || slot->configuration != configuration_ || now - loaded_at_ > reload_us) load();
    scan();
    release_late();
    step_jobs();
    more = send();
    receive();
    write_failures();
    answer_waiters();
    if (now - tended_at_ > tend_us && failures_.empty()) {
      tended_at_ = now;
      tend_leaves(leaves_, take, sleeps);
      send_once_more();
      publish();
    }
    if (!more && (!flights_.empty() || slot->dirty != 0)) {
      (void)context.wait(engine_.descriptor(), worker::task_context::readable, rest_ms());
      receive();
      write_failures();
      answer_waiters();
    }
  } while ((more || !flights_.empty() || slot->dirty != 0) && !context.out_of_time());
  publish();
  return more || !flights_.empty() || slot->dirty != 0;
}

// Until something of what is under way is due, or the next look at the outbox.
int forwarder::rest_ms() const {
  const int due = engine_.timeout_ms();
  const std::int64_t scan = (next_scan_at() - GetCurrentTimestamp()) / 1000 + 1;
  // A look that waits for room is due when an answer has made some.
  const int ms =
      waits_for_room() ? 1000 : static_cast<int>(std::clamp<std::int64_t>(scan, 0, 1000));
  // A batch that is being gathered is sent when nothing more has come for it.
  const bool gathering = std::any_of(tables_.begin(), tables_.end(), [&](const auto& each) {
    return each.second.flights > 0 && queue_.waiting(each.first) > 0;
  });
  const int most = gathering ? static_cast<int>(longest_gather_us / 2000) : 1000;
  return std::min({due < 0 ? most : due, ms, most});
}

int forwarder::pause_ms() const {
  const std::int64_t now = GetCurrentTimestamp();
  std::int64_t next = now + 1'000'000;
  for (const std::int64_t moment : {open_until_, hold_until_, late_.next()})
    if (moment > now) next = std::min(next, moment);
  for (const auto& [id, table] : tables_)
    if (table.rests_until > now) next = std::min(next, table.rests_until);
  return static_cast<int>((next - now) / 1000) + 1;
}

void forwarder::farewell() {
  const std::int64_t until = GetCurrentTimestamp() + 500'000;
  while (engine_.in_flight() > 0 && GetCurrentTimestamp() < until) {
    pollfd wanted = {engine_.descriptor(), POLLIN, 0};
    (void)poll(&wanted, 1, 50);
    engine_.perform();
    while (engine_.next_completed()) {
    }
  }
  vector_slot* slot = my_vector_slot();
  if (slot == nullptr) return;
  const std::size_t inherited = GetCurrentTimestamp() < hold_until_ ? 1 : 0;
  slot->in_flight = static_cast<std::uint32_t>(engine_.in_flight() + late_.held() + inherited);
}

namespace {

int forward_interval() { return the_forwarder().pause_ms(); }
bool forward(worker::task_context& context) { return the_forwarder().run(context); }
bool forward_wanted() {
  const vector_slot* slot = my_vector_slot();
  return slot != nullptr && slot->dirty != 0;
}
void say_farewell() { the_forwarder().farewell(); }

}  // namespace

void register_forwarder();
void register_forwarder() {
  worker::register_worker_task(
      {"vectors", forward_interval, forward, false, false, forward_wanted});
  worker::register_worker_farewell(say_farewell);
}

}  // namespace stash
