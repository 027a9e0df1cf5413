// Patterns of keys, as Redis has them.
#include "store/glob.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using stash::glob_matches;

TEST(glob_test, literals_and_wildcards) {
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("user:*", "user:7"));
  EXPECT_FALSE(glob_matches("user:*", "order:7"));
  EXPECT_TRUE(glob_matches("*:7", "user:7"));
  EXPECT_TRUE(glob_matches("u?er", "user"));
  EXPECT_FALSE(glob_matches("u?er", "uer"));
  EXPECT_TRUE(glob_matches("a*b*c", "axxbyybzc"));
  EXPECT_FALSE(glob_matches("a*b*c", "axxbyybz"));
}

TEST(glob_test, classes) {
  EXPECT_TRUE(glob_matches("[abc]", "b"));
  EXPECT_FALSE(glob_matches("[abc]", "d"));
  EXPECT_TRUE(glob_matches("[a-z]x", "qx"));
  EXPECT_TRUE(glob_matches("[^a-z]", "7"));
  EXPECT_FALSE(glob_matches("[^a-z]", "q"));
  EXPECT_TRUE(glob_matches("[]]", "]"));
  EXPECT_TRUE(glob_matches("[\\]]", "]"));
  EXPECT_FALSE(glob_matches("[", "a"));
  EXPECT_FALSE(glob_matches("[a", "b"));
}

TEST(glob_test, escapes) {
  EXPECT_TRUE(glob_matches("\\*", "*"));
  EXPECT_FALSE(glob_matches("\\*", "x"));
  EXPECT_TRUE(glob_matches("a\\", "a\\"));
}

TEST(glob_test, many_stars_are_no_trap) {
  std::string pattern;
  for (int i = 0; i < 100; i++) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(20000, 'a')));
}

}  // namespace
