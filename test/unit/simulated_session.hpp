// One session of the staleness test: it changes rows and invalidates in all ways, reads through the
// cache, and fills it in all ways, losing the processor wherever a lock is taken.
#pragma once

#include <random>
#include <string>
#include <thread>

#include "model_database.hpp"
#include "store/transaction_log.hpp"

namespace stash_test {

class simulated_session {
 public:
  // Blind sets of what was read longer ago than half of this are not made.
  static constexpr timestamp blind_guard = 4000;

  simulated_session(segment& memory, model_database& database, std::uint32_t process)
      : cache_(memory.open()), database_(database), process_(process), random_(process) {}

  void work(int steps) {
    test_lock::pause = [] {
      static thread_local unsigned turn = 0;
      if (++turn % 7 == 0) std::this_thread::yield();
    };
    for (int i = 0; i < steps; i++) {
      const int row = pick(model_database::rows);
      switch (pick(10)) {
        case 0:
        case 1:
          change(row);
          break;
        case 2:
          change_prepared(row);
          break;
        case 3:
          repeatable_read();
          break;
        case 4:
          crowd();
          break;
        case 5:
          fill_by_lease(row);
          break;
        case 6:
          fill_blind(row);
          break;
        default:
          read(row);
      }
    }
    test_lock::pause = nullptr;
  }

  int hits = 0;
  int stale = 0;
  int mismatches = 0;
  int stored = 0;

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  void wait_a_little() {
    for (int i = pick(4); i > 0; i--) std::this_thread::yield();
  }
  static std::string key(int row) { return "row:" + std::to_string(row); }
  std::vector<std::string> tags(int row) {
    if (row % 4 == 3) return {};  // some have none, so that nothing but the key protects them
    return {"tag:" + std::to_string(row)};
  }
  std::string value(std::int64_t version) {
    return std::to_string(version) + std::string(1 + static_cast<std::size_t>(pick(1500)), ' ');
  }

  std::optional<std::int64_t> cached(int row, timestamp stored_before = never) {
    char buffer[2000];
    reader who = reader_at(database_.now());
    who.stored_before = stored_before;
    const std::string text = key(row);
    const read_result result = cache_.read(cache_.key(0, text), who, buffer, sizeof buffer);
    if (result.state != read_state::hit) return std::nullopt;
    return std::stoll(std::string(buffer, result.info.value_size));
  }

  void log_set(int row, std::int64_t version, timestamp read_at, bool blind = false,
               std::uint64_t lease = 0) {
    item set(cache_, key(row), value(version), tags(row), read_at);
    set.what.version = cache_.next_version();
    set.what.blind = blind;
    set.what.lease = lease;
    if (cache_.check(set.what, database_.now(), blind_guard, {}) == refusal::none)
      log_.add_set(set.what, 1, any_version);
    else
      log_.add_refused_set(set.what.key, 1);
  }
  void log_invalidation(int row) {
    if (tags(row).empty() || pick(3) == 0) {
      if (pick(12) == 0)
        log_.add_prefix(0, key(row), 1, 1);
      else if (pick(25) == 0)
        log_.add_clear(0, 1, 1);
      else
        log_.add_remove(cache_.key(0, key(row)), 1, 1);
    } else {
      const bool whole = pick(4) == 0;
      log_.add_tag(0, cache_.tag(0, whole ? "tag:*" : tags(row)[0]), 1, 1);
    }
  }
  void commit_log() {
    const timestamp at = database_.now();
    const std::uint64_t before = cache_.counted(0, event::set);
    log_.commit(cache_, at, at, blind_guard);
    if (cache_.counted(0, event::set) > before) stored++;
    log_.clear();
  }
  // A transaction without data: its sets and nothing else.
  void commit_fill() {
    log_.prepare(cache_, false, process_);
    wait_a_little();
    commit_log();
  }

  // BEGIN; UPDATE; invalidate or write through, in one order or another; COMMIT or ROLLBACK.
  void change(int row) {
    const std::unique_lock lock(database_.row_lock(row));
    const timestamp began = database_.now();
    const std::int64_t version = database_.row(row) + 1;
    switch (pick(4)) {
      case 0:
        log_set(row, version - 1, began);  // filled before the update
        log_invalidation(row);
        break;
      case 1:
        log_invalidation(row);
        log_set(row, version, began);
        break;
      case 2:
        log_set(row, version, began);
        break;
      default:
        log_invalidation(row);
    }
    log_.prepare(cache_, true, process_);
    wait_a_little();
    if (pick(5) == 0) {
      log_.abort(cache_);
      log_.clear();
      return;
    }
    database_.make_visible(row, version);
    wait_a_little();
    commit_log();
    database_.acknowledge(row, version);
  }

  // PREPARE TRANSACTION, and COMMIT or ROLLBACK PREPARED some time later.
  void change_prepared(int row) {
    const std::unique_lock lock(database_.row_lock(row));
    const std::int64_t version = database_.row(row) + 1;
    log_invalidation(row);
    log_.prepare(cache_, true, process_, static_cast<std::size_t>(pick(2)));
    wait_a_little();
    timestamp at = database_.now();
    log_.commit_prepared_part(cache_, at, at);
    const std::vector<stamp*> held(log_.held_in_flux().begin(), log_.held_in_flux().end());
    log_.clear();
    wait_a_little();
    const bool commits = pick(3) != 0;
    if (commits) database_.make_visible(row, version);
    wait_a_little();
    at = database_.now();
    const timestamp moment = cache_.header().clock.next_stamp(at, at);
    for (stamp* slot : held) {
      slot->changed(moment, true);
      slot->end_flux();
    }
    if (commits) database_.acknowledge(row, version);
  }

  void read(int row) {
    const std::int64_t floor = database_.acknowledged(row);
    if (const auto found = cached(row)) {
      hits++;
      if (*found < floor) stale++;
      return;
    }
    const timestamp began = database_.now();
    const std::int64_t version = database_.row(row);
    wait_a_little();
    log_set(row, version, began);
    commit_fill();
  }

  void fill_by_lease(int row) {
    const std::string text = key(row);
    const timestamp began = database_.now();
    const lease_result lease =
        cache_.take_lease(cache_.key(0, text), reader_at(began), {began, began + 1000}, nullptr, 0);
    if (lease.state != lease_state::taken) return;
    wait_a_little();
    const std::int64_t version = database_.row(row);
    wait_a_little();
    log_set(row, version, began, false, lease.nonce);
    commit_fill();
  }

  // Read on one connection of a pool, stored on another.
  void fill_blind(int row) {
    const timestamp read_at = database_.now();
    const std::int64_t version = database_.row(row);
    for (int i = pick(20); i > 0; i--) std::this_thread::yield();
    log_set(row, version, database_.now(), true);
    log_.prepare(cache_, false, process_);
    if (database_.now() - read_at > blind_guard / 2) {
      log_.abort(cache_);
      log_.clear();
      return;
    }
    commit_log();
  }

  // Every hit must be what the snapshot says; what the snapshot says may be stored.
  void repeatable_read() {
    const timestamp began = database_.now();
    wait_a_little();
    const model_database::snapshot seen = database_.take_snapshot();
    for (int i = 0; i < 6; i++) {
      const int row = pick(model_database::rows);
      const auto expected = seen[static_cast<std::size_t>(row)];
      wait_a_little();
      if (const auto found = cached(row, began)) {
        hits++;
        if (*found != expected) mismatches++;
      } else {
        log_set(row, expected, began);
      }
    }
    commit_fill();
  }

  // Others who need the memory.
  void crowd() {
    for (int i = 0; i < 5; i++)
      put(cache_, "crowd" + std::to_string(pick(500)), std::string(1000, 'x'), {"crowd:1"},
          database_.now());
  }

  store cache_;
  model_database& database_;
  std::uint32_t process_;
  std::mt19937 random_;
  transaction_log log_;
};

}  // namespace stash_test
