// Names: how tags are written, what their class is, and how keys and tags are hashed.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "store/hash.hpp"
#include "store/tag_text.hpp"

namespace {

using namespace stash;

std::vector<std::string> decoded(const std::string& encoded) {
  std::vector<std::string> tags;
  each_tag(encoded, [&](std::string_view tag) { tags.emplace_back(tag); });
  return tags;
}

TEST(tag_text_test, tags_come_back_as_they_went_in) {
  const std::vector<std::string> tags = {"a", std::string(255, 'x'), std::string("n\0l", 3),
                                         "user:7", "\xc3\xa9"};
  std::string encoded;
  for (const std::string& tag : tags) append_tag(encoded, tag);
  EXPECT_EQ(decoded(encoded), tags);
  EXPECT_TRUE(decoded("").empty());
}

TEST(tag_text_test, the_class_is_what_precedes_the_first_colon) {
  EXPECT_EQ(class_of("user:7"), "user:*");
  EXPECT_EQ(class_of("user:7:orders"), "user:*");
  EXPECT_EQ(class_of("user:*"), "user:*");
  EXPECT_EQ(class_of(":x"), ":*");
  EXPECT_EQ(class_of("user"), "");
}

TEST(hash_test, namespace_seed_and_text_all_matter) {
  std::set<std::uint64_t> keys;
  std::set<std::pair<std::uint64_t, std::uint64_t>> tags;
  for (const std::uint64_t seed : {1ULL, 2ULL})
    for (const space_index space : {0, 1, 2})
      for (const char* text : {"a", "b", "ab"}) {
        keys.insert(hash_key(seed, space, text));
        const tag_id id = hash_tag(seed, space, text);
        tags.insert({id.low, id.high});
      }
  EXPECT_EQ(keys.size(), 18U);
  EXPECT_EQ(tags.size(), 18U);
}

TEST(hash_test, a_checksum_tells_every_byte) {
  std::string text = "pg_stash";
  const std::uint64_t before = checksum(text.data(), text.size());
  text[3] ^= 1;
  EXPECT_NE(checksum(text.data(), text.size()), before);
}

}  // namespace
