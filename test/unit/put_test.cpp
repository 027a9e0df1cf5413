// The rules for accepting a set, one by one, and what a refusal leaves behind.
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

class put_test : public store_fixture {
 protected:
  refusal put_item(const item& set, own_flux own = {}, std::int64_t expected = any_version) {
    return cache_.put(set.what, now_, guard, own, expected);
  }
  timestamp now_ = morning + second;
};

TEST_F(put_test, data_read_before_the_last_change_is_refused) {
  stamp& slot = cache_.key_stamp(cache_.key(0, "k"));
  slot.changed(morning, true);
  EXPECT_EQ(put(cache_, "k", "v", {}, morning - 1), refusal::changed);
  EXPECT_EQ(put(cache_, "k", "v", {}, morning), refusal::changed);
  EXPECT_EQ(put(cache_, "k", "v", {}, morning + 1), refusal::none);
}

TEST_F(put_test, everything_that_a_set_depends_on_counts) {
  const item set(cache_, "k", "v", {"user:7", "plain"});
  const std::vector<stamp*> slots = {&cache_.header().everything,
                                     &cache_.space_at(0).all,
                                     &cache_.space_at(0).fills,
                                     &cache_.key_stamp(set.what.key),
                                     &cache_.tag_stamp(cache_.tag(0, "user:7")),
                                     &cache_.tag_stamp(cache_.tag(0, "user:*")),
                                     &cache_.tag_stamp(cache_.tag(0, "plain"))};
  for (stamp* slot : slots) {
    slot->begin_flux();
    EXPECT_EQ(put_item(set), refusal::in_flux);
    stamp* const own[] = {slot};
    EXPECT_EQ(put_item(set, own), refusal::none);
    slot->begin_flux();
    EXPECT_EQ(put_item(set, own), refusal::in_flux);
    slot->end_flux();
    slot->end_flux();
  }
  timestamp at = morning;
  for (stamp* slot : slots) {
    item later(cache_, "k", "v", {"user:7", "plain"}, ++at);
    EXPECT_EQ(put_item(later), refusal::none);
    slot->changed(at, false);
    EXPECT_EQ(put_item(later), refusal::changed);
  }
}

TEST_F(put_test, a_refused_set_leaves_the_store_as_it_was) {
  ASSERT_EQ(put(cache_, "k", "old"), refusal::none);
  const store_checker::census before = store_checker::count(cache_);
  cache_.key_stamp(cache_.key(0, "k")).begin_flux();
  EXPECT_EQ(put(cache_, "k", "new", {"a:1", "b:2"}), refusal::in_flux);
  cache_.key_stamp(cache_.key(0, "k")).end_flux();
  const store_checker::census after = store_checker::count(cache_);
  EXPECT_EQ(value_of(cache_, "k"), "old");
  EXPECT_EQ(after.records, 0U);
  EXPECT_EQ(after.available, before.available);
  EXPECT_EQ(cache_.counted(0, refusal::in_flux), 1U);
}

TEST_F(put_test, a_blind_set_waits_until_the_guard_has_passed) {
  item set(cache_, "k", "v", {"user:7"});
  set.what.blind = true;
  EXPECT_EQ(put_item(set), refusal::none);
  for (stamp* slot : {&cache_.key_stamp(set.what.key), &cache_.space_at(0).all,
                      &cache_.tag_stamp(cache_.tag(0, "user:*"))}) {
    // Read after the change, as far as anybody can tell.
    slot->changed(now_, true);
    now_ += guard;
    set.what.read_at = now_;
    EXPECT_EQ(put_item(set), refusal::none) << "data_changed_at == now - guard is long enough";
    now_ -= 1;
    EXPECT_EQ(put_item(set), refusal::blind);
    set.what.blind = false;
    EXPECT_EQ(put_item(set), refusal::none);
    set.what.blind = true;
    now_ += guard;
  }
}

TEST_F(put_test, a_change_that_wrote_no_data_does_not_make_blind_sets_wait) {
  item set(cache_, "k", "v", {}, now_);
  set.what.blind = true;
  cache_.key_stamp(set.what.key).changed(now_ - 1, false);
  EXPECT_EQ(put_item(set), refusal::none);
}

TEST_F(put_test, what_was_read_before_the_start_is_refused) {
  EXPECT_EQ(put(cache_, "k", "v", {}, boot), refusal::changed);
  EXPECT_EQ(put(cache_, "k", "v", {}, boot + 1), refusal::none);
}

TEST_F(put_test, a_set_that_must_find_nothing_finds_nothing_but_the_dead) {
  item set(cache_, "k", "v");
  set.what.expires_at = now_ + 10;
  EXPECT_EQ(put_item(set, {}, no_version), refusal::none);
  EXPECT_EQ(put_item(set, {}, no_version), refusal::condition);
  now_ += 10;
  EXPECT_EQ(put_item(set, {}, no_version), refusal::none);
}

TEST_F(put_test, a_set_that_must_find_a_version_finds_only_that) {
  item set(cache_, "k", "v");
  set.what.version = 5;
  EXPECT_EQ(put_item(set, {}, 4), refusal::condition);
  EXPECT_EQ(put_item(set), refusal::none);
  EXPECT_EQ(put_item(set, {}, 4), refusal::condition);
  set.what.version = 6;
  EXPECT_EQ(put_item(set, {}, 5), refusal::none);
  EXPECT_EQ(cache_.peek(set.what.key, reader_at(now_)).info.version, 6);
}

TEST_F(put_test, a_value_that_fits_nowhere_makes_the_key_forgotten) {
  ASSERT_EQ(put(cache_, "k", "old"), refusal::none);
  EXPECT_EQ(put(cache_, "k", std::string(8 << 20, 'x')), refusal::no_room);
  EXPECT_EQ(value_of(cache_, "k"), std::nullopt);
}

TEST_F(put_test, an_entry_carries_as_many_tags_and_classes_as_there_may_be) {
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < max_tags; i++) {
    std::string tag = "class" + std::to_string(i) + ":";
    tag.resize(max_tag_size, 'x');
    tags.push_back(tag);
  }
  const item set(cache_, std::string(max_key_size, 'k'), std::string(1000, 'v'), tags);
  ASSERT_EQ(set.what.tag_ids.size(), max_links);
  ASSERT_EQ(put_item(set), refusal::none);
  EXPECT_TRUE(is_whole(cache_));
  EXPECT_EQ(store_checker::count(cache_).records, max_links);
  for (const std::string& tag : {tags[0], tags[63], std::string("class31:*")}) {
    ASSERT_EQ(put_item(set), refusal::none);
    EXPECT_EQ(cache_.tag_count(cache_.tag(0, tag)), 1U);
    cache_.invalidate_tag(cache_.tag(0, tag), morning, false);
    EXPECT_EQ(value_of(cache_, std::string(max_key_size, 'k')), std::nullopt);
    item again(cache_, std::string(max_key_size, 'k'), "v", tags, morning + 1);
    ASSERT_EQ(put_item(again), refusal::none);
    // Back to a store that has never heard of it.
    for (const auto& id : set.what.tag_ids) cache_.tag_stamp(id).changed_at.store(boot);
    ASSERT_TRUE(cache_.remove(set.what.key));
    EXPECT_EQ(store_checker::count(cache_).records, 0U);
  }
}

TEST_F(put_test, values_of_every_size_up_to_a_megabyte) {
  segment large(32 << 20);
  store cache = large.open();
  std::string value;
  for (const std::size_t size : {0, 1, 10, 1000, 65535, 65536, 1 << 20}) {
    value.resize(size);
    for (std::size_t i = 0; i < size; i++) value[i] = static_cast<char>(i * 31 + (i >> 9));
    ASSERT_EQ(put(cache, "k" + std::to_string(size), value), refusal::none);
    EXPECT_EQ(value_of(cache, "k" + std::to_string(size)), value);
  }
  EXPECT_TRUE(is_whole(cache));
}

}  // namespace
