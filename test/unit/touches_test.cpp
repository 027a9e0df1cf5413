// The array of touches: nothing dirty is ever lost, no moment goes backwards, and what memory gave
// away is known to be gone.
#include "session/touches.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace stash {
namespace {

constexpr std::uint32_t database = 5;
constexpr timestamp patience = 1'000'000;
using outcome = touch_array::outcome;

session_id id_of(int number) {
  session_id id;
  std::memcpy(id.bytes.data(), &number, sizeof number);
  return id;
}

class touches_test : public testing::Test {
 protected:
  void make(std::size_t slots) {
    memory_.reset(std::calloc(1, touch_array::bytes_for(slots)));
    std::vector<void*> locks;
    locks.reserve(touch_lock_count);
    for (auto& mutex : mutexes_) locks.push_back(&mutex);
    array_ = std::make_unique<touch_array>(memory_.get(), slots, lock_functions{acquire, release},
                                           locks, [] { return present; });
    array_->initialize(10);
  }
  // A lock is released in the mode in which the thread took it.
  static void acquire(void* lock, lock_mode mode) {
    auto& mutex = *static_cast<std::shared_mutex*>(lock);
    held_mode = mode;
    if (mode == lock_mode::shared)
      mutex.lock_shared();
    else
      mutex.lock();
  }
  static void release(void* lock) {
    auto& mutex = *static_cast<std::shared_mutex*>(lock);
    if (held_mode == lock_mode::shared)
      mutex.unlock_shared();
    else
      mutex.unlock();
  }
  std::vector<flushed_touch> collect_all(std::uint32_t of = database) {
    std::vector<flushed_touch> all;
    flushed_touch batch[touch_array::ways * 2];
    std::size_t set = 0;
    do {
      const std::size_t count = array_->collect(of, &set, batch);
      all.insert(all.end(), batch, batch + count);
    } while (set != 0);
    return all;
  }

  struct freer {
    void operator()(void* memory) const { std::free(memory); }
  };
  static thread_local lock_mode held_mode;
  static timestamp present;
  std::unique_ptr<void, freer> memory_;
  std::array<std::shared_mutex, touch_lock_count> mutexes_;
  std::unique_ptr<touch_array> array_;
};
thread_local lock_mode touches_test::held_mode = lock_mode::shared;
timestamp touches_test::present = 0;

TEST_F(touches_test, the_last_touch_is_known_and_never_goes_backwards) {
  make(64);
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 0);
  EXPECT_EQ(array_->touch(database, id_of(1), 5000, patience), outcome::recorded);
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 5000);
  EXPECT_EQ(array_->touch(database, id_of(1), 9000, patience), outcome::recorded);
  EXPECT_EQ(array_->touch(database, id_of(1), 7000, patience), outcome::recorded);
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 9000);
  EXPECT_EQ(array_->touched_at(database + 1, id_of(1)), 0);
  EXPECT_EQ(array_->touched_at(database, id_of(2)), 0);
}

TEST_F(touches_test, a_touch_stays_dirty_until_that_moment_is_settled) {
  make(64);
  (void)array_->touch(database, id_of(1), 5000, patience);
  const auto first = collect_all();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].touched_at, 5000);
  (void)array_->touch(database, id_of(1), 50'000, patience);
  array_->settle(database, first[0]);
  const auto second = collect_all();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].touched_at, 50'000);
  array_->settle(database, second[0]);
  EXPECT_TRUE(collect_all().empty());
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 50'000);
}

TEST_F(touches_test, dirty_slots_make_no_room) {
  make(touch_array::ways);
  for (int i = 0; i < static_cast<int>(touch_array::ways); i++)
    ASSERT_EQ(array_->touch(database, id_of(i), 100 + i, patience), outcome::recorded);
  EXPECT_EQ(array_->touched_at(database, id_of(99)), 0);
  EXPECT_EQ(array_->touch(database, id_of(99), 500, patience), outcome::full);
  // It counts as used then, with all others that have no slot there; those that have one do not.
  EXPECT_EQ(array_->touched_at(database, id_of(99)), 500);
  EXPECT_EQ(array_->touched_at(database, id_of(98)), 500);
  EXPECT_EQ(array_->touched_at(database, id_of(3)), 103);
  EXPECT_EQ(array_->touch(database, id_of(99), 400, patience), outcome::full);
  EXPECT_EQ(array_->touched_at(database, id_of(99)), 500);
  EXPECT_FALSE(array_->may_lack(11));
  // A session that has its slot can still be touched.
  EXPECT_EQ(array_->touch(database, id_of(3), 90'000, patience), outcome::recorded);
}

TEST_F(touches_test, a_clean_slot_makes_room_and_the_loss_is_known) {
  make(touch_array::ways);
  for (int i = 0; i < static_cast<int>(touch_array::ways); i++)
    (void)array_->touch(database, id_of(i), 100 + i, patience);
  for (const flushed_touch& each : collect_all()) array_->settle(database, each);
  EXPECT_FALSE(array_->may_lack(11));
  // The moment of the loss is that of the clock, not that of the touch.
  present = 600;
  EXPECT_EQ(array_->touch(database, id_of(99), 500, patience), outcome::recorded);
  // The one that was used longest ago went.
  EXPECT_EQ(array_->touched_at(database, id_of(0)), 0);
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 101);
  EXPECT_TRUE(array_->may_lack(600));
  EXPECT_TRUE(array_->may_lack(599));
  EXPECT_FALSE(array_->may_lack(601));
}

TEST_F(touches_test, what_is_not_written_down_for_too_long_is_said_once_a_while) {
  make(64);
  EXPECT_EQ(array_->touch(database, id_of(1), 10'000, patience), outcome::recorded);
  EXPECT_EQ(array_->touch(database, id_of(1), 10'000 + patience, patience), outcome::recorded);
  EXPECT_EQ(array_->touch(database, id_of(1), 10'001 + patience, patience), outcome::overdue);
  EXPECT_EQ(array_->touch(database, id_of(1), 20'001 + patience, patience), outcome::recorded);
  EXPECT_EQ(array_->touch(database, id_of(1), 10'002 + 2 * patience, patience), outcome::overdue);
}

TEST_F(touches_test, without_patience_every_touch_is_to_be_written) {
  make(64);
  EXPECT_EQ(array_->touch(database, id_of(1), 10'000, 0), outcome::overdue);
  EXPECT_EQ(array_->touch(database, id_of(1), 20'000, 0), outcome::overdue);
  EXPECT_EQ(array_->touched_at(database, id_of(1)), 20'000);
}

TEST_F(touches_test, databases_and_sessions_are_forgotten_alone) {
  make(256);
  for (int i = 0; i < 20; i++) {
    (void)array_->touch(database, id_of(i), 100, patience);
    (void)array_->touch(database + 1, id_of(i), 100, patience);
  }
  array_->mark_flushed(database, 77);
  array_->set_generation(database, 1);
  array_->mark_flushed(database + 1, 78);
  array_->forget(database, id_of(3));
  EXPECT_EQ(array_->dirty(database), 19U);
  array_->forget_database(database);
  EXPECT_EQ(array_->dirty(database), 0U);
  EXPECT_EQ(array_->flushed_at(database), 0);
  EXPECT_EQ(array_->generation(database), 0U);
  EXPECT_EQ(array_->dirty(database + 1), 20U);
  EXPECT_EQ(array_->flushed_at(database + 1), 78);
}

TEST_F(touches_test, databases_beyond_the_marks_count_as_not_flushed) {
  make(64);
  for (std::uint32_t i = 1; i <= touch_header::max_marks; i++) array_->mark_flushed(i, 50);
  array_->mark_flushed(9999, 60);
  EXPECT_EQ(array_->flushed_at(9999), 0);
  EXPECT_EQ(array_->flushed_at(touch_header::max_marks), 50);
  array_->forget_database(4);
  array_->mark_flushed(9999, 60);
  EXPECT_EQ(array_->flushed_at(9999), 60);
}

// Threads touch while another writes down: the written moment of each session never exceeds what
// was touched, and at the end every session's last touch is written or still dirty.
TEST_F(touches_test, nothing_is_lost_while_many_touch_and_one_flushes) {
  make(512);
  constexpr int sessions = 40;
  constexpr int rounds = 3000;
  std::atomic<bool> stop = false;
  std::vector<timestamp> written(sessions, 0);
  std::thread flusher([&] {
    while (!stop.load()) {
      for (const flushed_touch& each : collect_all()) {
        int number = 0;
        std::memcpy(&number, each.id.bytes.data(), sizeof number);
        EXPECT_GE(each.touched_at, written[static_cast<std::size_t>(number)]);
        written[static_cast<std::size_t>(number)] = each.touched_at;
        array_->settle(database, each);
      }
    }
  });
  std::vector<std::thread> users;
  users.reserve(4);
  for (int user = 0; user < 4; user++)
    users.emplace_back([&, user] {
      for (int round = 1; round <= rounds; round++)
        for (int i = user; i < sessions; i += 4)
          EXPECT_NE(array_->touch(database, id_of(i), timestamp{round} * 2000, patience * 1000),
                    outcome::full);
    });
  for (auto& each : users) each.join();
  stop = true;
  flusher.join();
  for (const flushed_touch& each : collect_all()) {
    int number = 0;
    std::memcpy(&number, each.id.bytes.data(), sizeof number);
    written[static_cast<std::size_t>(number)] = each.touched_at;
  }
  for (const timestamp last : written) EXPECT_EQ(last, timestamp{rounds} * 2000);
}

}  // namespace
}  // namespace stash
