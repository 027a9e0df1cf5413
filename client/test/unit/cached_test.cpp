// Keys and tags of cached functions.
#include "stash/cached.hpp"

#include <gtest/gtest.h>

namespace {

using stash::cached_key;
using stash::cached_tag;
using stash::json;

TEST(cached, keys_tell_arguments_apart) {
  EXPECT_EQ(cached_key("user", {}), "user");
  EXPECT_EQ(cached_key("user", {7}), "user:7");
  EXPECT_EQ(cached_key("user", {"7"}), "user:\"7\"");
  EXPECT_NE(cached_key("user", {"a", "b"}), cached_key("user", {"a,b"}));
  EXPECT_NE(cached_key("user", {"a\",\"b"}), cached_key("user", {"a", "b"}));
}

TEST(cached, tags_are_filled_in) {
  const std::vector<json> arguments{7, "ann", json::array({1, 2})};
  EXPECT_EQ(cached_tag("user:{1}", arguments), "user:7");
  EXPECT_EQ(cached_tag("{2}/{1}/{3}", arguments), "ann/7/[1,2]");
  // No argument: as it is.
  for (const char* plain : {"", "all", "{", "{}", "{0}", "{4}", "{1", "{x}", "{-1}", "{1x}", "}"})
    EXPECT_EQ(cached_tag(plain, arguments), plain);
  EXPECT_EQ(cached_tag("{{1}}", arguments), "{7}");
}

}  // namespace
