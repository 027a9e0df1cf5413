// What others see while a transaction commits, step by step.
#include "log_fixture.hpp"

namespace {

using namespace stash_test;

class log_commit_test : public log_fixture {};

TEST_F(log_commit_test, a_writer_hides_what_it_changes_until_it_is_done) {
  for (const char* key : {"removed", "set", "prefixed:1", "bystander"}) given(key, "old");
  given("tagged", "old", {"user:1"});
  auto t = begin();
  t.remove("removed");
  t.set("set", "new");
  t.prefix("prefixed:");
  t.invalidate("user:1");
  ASSERT_TRUE(t.prepare(true));
  for (const char* key : {"removed", "set", "prefixed:1", "tagged", "bystander"}) {
    // A prefix in flux hides the namespace: which keys match is known only at the end.
    EXPECT_EQ(read(key), std::nullopt) << key;
    EXPECT_EQ(put(cache_, key, "fill", {"user:1"}, clock_), refusal::in_flux) << key;
  }
  t.finish();
  for (const char* key : {"removed", "prefixed:1", "tagged"})
    EXPECT_EQ(read(key), std::nullopt) << key;
  EXPECT_EQ(read("set"), "new");
  EXPECT_EQ(read("bystander"), "old");
}

TEST_F(log_commit_test, an_aborted_writer_leaves_the_old_values) {
  given("removed", "old");
  given("tagged", "old", {"user:1"});
  auto t = begin();
  t.remove("removed");
  t.invalidate("user:1");
  t.set("new", "new");
  ASSERT_TRUE(t.prepare(true));
  t.abort();
  EXPECT_EQ(read("removed"), "old");
  EXPECT_EQ(read("tagged"), "old");
  EXPECT_EQ(read("new"), std::nullopt);
  EXPECT_EQ(put(cache_, "removed", "fill", {"user:1"}, ++clock_), refusal::none);
}

TEST_F(log_commit_test, a_reader_hides_nothing_before_it_commits) {
  given("k", "old");
  auto t = begin();
  t.remove("k");
  ASSERT_TRUE(t.prepare(false));
  EXPECT_EQ(read("k"), "old");
  t.finish();
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_F(log_commit_test, after_a_commit_what_was_read_before_is_refused) {
  const timestamp before = ++clock_;
  auto t = begin();
  t.remove("removed");
  t.set("set", "new");
  t.invalidate("tag");
  t.prefix("prefixed:");
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(put(cache_, "removed", "old", {}, before), refusal::changed);
  EXPECT_EQ(put(cache_, "set", "old", {}, before), refusal::changed);
  EXPECT_EQ(put(cache_, "x", "old", {"tag"}, before), refusal::changed);
  EXPECT_EQ(put(cache_, "prefixed:1", "old", {}, before), refusal::changed);
  EXPECT_EQ(read("set"), "new");
  EXPECT_EQ(put(cache_, "removed", "newer", {"tag"}, ++clock_), refusal::none);
}

TEST_F(log_commit_test, a_fill_on_its_way_while_a_tag_is_stamped_is_dead) {
  // The fill has pinned and checked; the writer's flux, stamp and end come before it links.
  given("k", "old", {"t"});
  auto t = begin();
  t.invalidate("t");
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), std::nullopt);
  cache_.tag_stamp(cache_.tag(0, "t")).changed_at.store(boot);
  EXPECT_EQ(put(cache_, "k", "fill", {"t"}, clock_ - 1), refusal::none);
  EXPECT_EQ(read("k"), std::nullopt) << "the tag's own record knows";
}

TEST_F(log_commit_test, a_writers_own_set_is_newer_than_its_own_stamps) {
  auto t = begin();
  t.invalidate("user:1");
  t.remove("k");
  t.set("k", "new", {"user:1"});
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), "new");
  // A later invalidation is later than that, too.
  auto u = begin();
  u.invalidate("user:1");
  ASSERT_TRUE(u.commit(true));
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_F(log_commit_test, a_set_whose_slot_changed_meanwhile_is_refused) {
  auto t = begin(1);
  t.set("k", "t");
  auto u = begin(2);
  u.set("k", "u");
  ASSERT_TRUE(u.commit(true));
  EXPECT_EQ(read("k"), "u");
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), std::nullopt);
  EXPECT_EQ(cache_.counted(0, refusal::changed), 1U);
}

TEST_F(log_commit_test, two_writers_of_one_key_leave_nothing) {
  auto t = begin(1);
  t.set("k", "t");
  auto u = begin(2);
  u.set("k", "u");
  ASSERT_TRUE(t.prepare(true));
  ASSERT_TRUE(u.prepare(true));
  t.finish();
  EXPECT_EQ(read("k"), std::nullopt);
  u.finish();
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_F(log_commit_test, a_blind_set_in_a_writer_obeys_the_guard) {
  auto other = begin(2);
  other.remove("k");
  ASSERT_TRUE(other.commit(true));
  auto t = begin();
  t.set("k", "blind", {}, any_version, true);
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), std::nullopt);
  clock_ += 2 * guard;
  auto u = begin();
  u.set("k", "blind", {}, any_version, true);
  ASSERT_TRUE(u.commit(true));
  EXPECT_EQ(read("k"), "blind");
}

TEST_F(log_commit_test, a_lease_in_the_log_is_used_up_or_given_back) {
  const key_ref key = cache_.key(0, "k");
  const auto take = [&] {
    return cache_.take_lease(key, reader_at(clock_), {clock_, clock_ + second}, nullptr, 0);
  };
  auto t = begin();
  const lease_result first = take();
  t.log.note_lease(key, first.nonce);
  t.prepare(true);
  t.abort();
  const lease_result next = take();
  EXPECT_EQ(next.state, lease_state::taken);
  auto u = begin();
  item set(cache_, "k", "v", {}, clock_);
  set.what.lease = next.nonce;
  u.log.note_lease(key, next.nonce);
  u.log.add_set(set.what, 1, any_version);
  ASSERT_TRUE(u.commit(true));
  EXPECT_EQ(read("k"), "v");
  EXPECT_EQ(cache_.lease_valid(key, next.nonce, clock_, clock_), -1);
}

TEST_F(log_commit_test, a_prepared_transaction_keeps_its_slots_in_flux) {
  given("removed", "old");
  given("set", "old");
  given("tagged", "old", {"t"});
  auto t = begin();
  t.remove("removed");
  t.set("set", "new");
  t.invalidate("t");
  t.log.prepare(cache_, true, 1);
  clock_++;
  t.log.commit_prepared_part(cache_, clock_, clock_);
  const std::vector<stamp*> held(t.log.held_in_flux().begin(), t.log.held_in_flux().end());
  t.log.clear();
  ASSERT_EQ(held.size(), 3U);
  for (const char* key : {"removed", "set", "tagged"}) {
    EXPECT_EQ(read(key), std::nullopt) << key;
    EXPECT_EQ(put(cache_, key, "fill", {"t"}, ++clock_), refusal::in_flux);
  }
  const timestamp while_prepared = ++clock_;
  for (stamp* slot : held) {
    slot->changed(++clock_, true);
    slot->end_flux();
  }
  for (const char* key : {"removed", "set", "tagged"}) EXPECT_EQ(read(key), std::nullopt) << key;
  EXPECT_EQ(put(cache_, "removed", "fill", {}, while_prepared), refusal::changed);
  EXPECT_EQ(put(cache_, "tagged", "fill", {"t"}, while_prepared), refusal::changed);
  EXPECT_EQ(put(cache_, "tagged", "fill", {"t"}, ++clock_), refusal::none);
}

TEST_F(log_commit_test, too_many_slots_become_their_namespace) {
  given("bystander", "old");
  auto t = begin();
  for (int i = 0; i < 100; i++) t.remove("k" + std::to_string(i));
  t.log.prepare(cache_, true, 1, 10);
  clock_++;
  t.log.commit_prepared_part(cache_, clock_, clock_);
  const std::vector<stamp*> held(t.log.held_in_flux().begin(), t.log.held_in_flux().end());
  t.log.clear();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0], &cache_.space_at(0).all);
  EXPECT_EQ(read("bystander"), std::nullopt);
  held[0]->end_flux();
}

}  // namespace
