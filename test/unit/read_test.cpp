// Reading: what comes back, into buffers of every size, and who may see an entry.
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

class read_test : public store_fixture {};

TEST_F(read_test, what_was_stored_comes_back) {
  ASSERT_EQ(put(cache_, "k", "value"), refusal::none);
  EXPECT_EQ(value_of(cache_, "k"), "value");
  EXPECT_EQ(value_of(cache_, "other"), std::nullopt);
  EXPECT_EQ(value_of(cache_, "k", reader_at(morning), 1), std::nullopt);
}

TEST_F(read_test, a_new_value_replaces_the_old_one) {
  ASSERT_EQ(put(cache_, "k", std::string(5000, 'a')), refusal::none);
  ASSERT_EQ(put(cache_, "k", "b"), refusal::none);
  EXPECT_EQ(value_of(cache_, "k"), "b");
  EXPECT_EQ(cache_.space_at(0).entries.load(), 1);
}

TEST_F(read_test, a_value_of_as_many_blocks_is_written_in_place) {
  const std::string key(100, 'k');
  for (const std::size_t size : {16, 0, 15, 200, 240, 201, 300, 290, 1000, 990}) {
    std::string value(size, '\0');
    for (std::size_t i = 0; i < size; i++) value[i] = static_cast<char>(i * 7 + size);
    ASSERT_EQ(put(cache_, key, value), refusal::none);
    ASSERT_EQ(value_of(cache_, key), value) << size;
    ASSERT_TRUE(is_whole(cache_));
  }
  // Tags make it another entry.
  ASSERT_EQ(put(cache_, key, std::string(980, 't'), {"t"}), refusal::none);
  ASSERT_EQ(put(cache_, key, std::string(990, 'u')), refusal::none);
  EXPECT_EQ(store_checker::count(cache_).records, 0U);
  EXPECT_EQ(value_of(cache_, key), std::string(990, 'u'));
}

TEST_F(read_test, every_kind_of_size_survives) {
  for (const std::size_t key_size : {1, 15, 43, 44, 45, 159, 160, 161, 500, 1023, 1024})
    for (const std::size_t value_size : {0, 1, 26, 100, 116, 117, 250, 5000}) {
      std::string value(value_size, '\0');
      for (std::size_t i = 0; i < value_size; i++) value[i] = static_cast<char>(i * 7 + key_size);
      const std::string key(key_size, 'k');
      ASSERT_EQ(put(cache_, key, value), refusal::none);
      ASSERT_EQ(value_of(cache_, key), value) << key_size << " " << value_size;
    }
}

TEST_F(read_test, keys_that_differ_only_at_their_end_are_different) {
  for (const std::size_t size : {44, 45, 160, 161, 1024}) {
    std::string one(size, 'x');
    std::string other = one;
    other.back() = 'y';
    ASSERT_EQ(put(cache_, one, "1"), refusal::none);
    ASSERT_EQ(put(cache_, other, "2"), refusal::none);
    EXPECT_EQ(value_of(cache_, one), "1");
    EXPECT_EQ(value_of(cache_, other), "2");
  }
}

TEST_F(read_test, a_buffer_that_is_too_small_is_told_the_size) {
  const item set(cache_, "k", std::string(300, 'v'), {"tag:1", "x"});
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  std::string buffer(400, '\0');
  const reader who = reader_at(morning);
  read_result result = cache_.read(set.what.key, who, buffer.data(), 299);
  EXPECT_EQ(result.state, read_state::buffer_too_small);
  EXPECT_EQ(result.info.value_size, 300U);
  EXPECT_EQ(cache_.read(set.what.key, who, buffer.data(), 300).state, read_state::hit);

  result = cache_.read(set.what.key, who, buffer.data(), 300 + set.what.tags.size() - 1, true);
  EXPECT_EQ(result.state, read_state::buffer_too_small);
  EXPECT_EQ(result.info.tags_size, set.what.tags.size());
  result = cache_.read(set.what.key, who, buffer.data(), 300 + set.what.tags.size(), true);
  EXPECT_EQ(result.state, read_state::hit);
  EXPECT_EQ(buffer.substr(0, 300 + set.what.tags.size()),
            std::string(set.what.tags) + std::string(300, 'v'));
}

TEST_F(read_test, what_has_expired_is_a_miss) {
  item set(cache_, "k", "v");
  set.what.expires_at = morning + 10;
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  EXPECT_EQ(value_of(cache_, "k", reader_at(morning + 9)), "v");
  EXPECT_EQ(value_of(cache_, "k", reader_at(morning + 10)), std::nullopt);
}

TEST_F(read_test, touching_moves_the_end_of_what_is_alive) {
  item set(cache_, "k", "v");
  set.what.expires_at = morning + 10;
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  EXPECT_TRUE(cache_.touch(set.what.key, morning + 5, morning + 20));
  EXPECT_EQ(value_of(cache_, "k", reader_at(morning + 15)), "v");
  EXPECT_FALSE(cache_.touch(set.what.key, morning + 20, morning + 30));
  EXPECT_FALSE(cache_.touch(cache_.key(0, "other"), morning, morning + 30));
}

TEST_F(read_test, a_key_in_flux_is_a_miss_but_for_its_owner) {
  ASSERT_EQ(put(cache_, "k", "v"), refusal::none);
  const key_ref key = cache_.key(0, "k");
  stamp& slot = cache_.key_stamp(key);
  slot.begin_flux();
  EXPECT_EQ(value_of(cache_, "k"), std::nullopt);
  stamp* const own[] = {&slot};
  EXPECT_EQ(cache_.peek(key, reader_at(morning), own).state, read_state::hit);
  slot.end_flux();
  EXPECT_EQ(value_of(cache_, "k"), "v");
}

TEST_F(read_test, a_namespace_or_everything_in_flux_is_a_miss) {
  ASSERT_EQ(put(cache_, "k", "v"), refusal::none);
  for (stamp* slot : {&cache_.space_at(0).all, &cache_.header().everything}) {
    slot->begin_flux();
    EXPECT_EQ(value_of(cache_, "k"), std::nullopt);
    slot->end_flux();
    EXPECT_EQ(value_of(cache_, "k"), "v");
  }
}

TEST_F(read_test, a_stamp_on_the_namespace_or_on_everything_kills) {
  ASSERT_EQ(put(cache_, "a", "v"), refusal::none);
  cache_.space_at(0).all.changed(morning, true);
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  ASSERT_EQ(put(cache_, "a", "v", {}, morning + 1), refusal::none);
  EXPECT_EQ(value_of(cache_, "a"), "v");
  cache_.header().everything.changed(morning + 1, true);
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  ASSERT_EQ(put(cache_, "a", "v", {}, morning + 2), refusal::none);
  EXPECT_EQ(value_of(cache_, "a"), "v");
}

TEST_F(read_test, repeatable_read_sees_only_what_was_stored_before_it_began) {
  ASSERT_EQ(put(cache_, "k", "v"), refusal::none);
  reader who = reader_at(morning + second);
  who.stored_before = morning;
  EXPECT_EQ(value_of(cache_, "k", who), std::nullopt);
  who.stored_before = morning + 1;
  EXPECT_EQ(value_of(cache_, "k", who), "v");
}

TEST_F(read_test, what_is_stored_while_the_clock_is_behind_counts_as_stored_when_it_was_read) {
  const item set(cache_, "k", "v", {}, morning + 10 * second);
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  reader who = reader_at(morning + 20 * second);
  who.stored_before = morning + 5 * second;
  EXPECT_EQ(value_of(cache_, "k", who), std::nullopt);
}

TEST_F(read_test, who_never_hits_never_hits) {
  ASSERT_EQ(put(cache_, "k", "v"), refusal::none);
  reader who = reader_at(morning);
  who.never_hits = true;
  EXPECT_EQ(value_of(cache_, "k", who), std::nullopt);
}

TEST_F(read_test, what_was_stored_in_recovery_ends_with_it) {
  item set(cache_, "k", "v");
  set.what.flags = stored_in_recovery;
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  reader who = reader_at(morning);
  EXPECT_EQ(value_of(cache_, "k", who), std::nullopt);
  who.in_recovery = true;
  EXPECT_EQ(value_of(cache_, "k", who), "v");
}

TEST_F(read_test, removing_takes_away_what_is_kept_for_single_roles) {
  ASSERT_EQ(put(cache_, "k", "marker"), refusal::none);
  const std::string role_key("k\0abcd", 1 + role_key_suffix);
  item role(cache_, role_key, "mine");
  role.what.key.hash = cache_.key(0, "k").hash;
  ASSERT_EQ(cache_.put(role.what, morning, guard, {}), refusal::none);
  char buffer[10];
  EXPECT_EQ(cache_.read(role.what.key, reader_at(morning), buffer, 10).state, read_state::hit);
  EXPECT_TRUE(cache_.remove(cache_.key(0, "k")));
  EXPECT_EQ(cache_.read(role.what.key, reader_at(morning), buffer, 10).state, read_state::miss);
  EXPECT_FALSE(cache_.remove(cache_.key(0, "k")));
}

TEST_F(read_test, hits_and_misses_are_counted) {
  ASSERT_EQ(put(cache_, "k", "v"), refusal::none);
  for (int i = 0; i < 3; i++) value_of(cache_, "k");
  value_of(cache_, "other");
  EXPECT_EQ(cache_.counted(0, event::hit), 3U);
  EXPECT_EQ(cache_.counted(0, event::miss), 1U);
  EXPECT_EQ(cache_.counted(0, event::set), 1U);
  EXPECT_EQ(cache_.peek(cache_.key(0, "k"), reader_at(morning)).info.hits, 3U);
  cache_.reset_counters(0);
  EXPECT_EQ(cache_.counted(0, event::hit), 0U);
}

}  // namespace
