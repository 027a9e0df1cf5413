// What lies within the vector, and what had to move out of it.
#include "stash/short_vector.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "stash/parameters.hpp"

namespace {

using bytes = stash::detail::short_vector<char, 8>;

bytes of(std::string_view text) {
  bytes made;
  made.append(text.data(), text.size());
  return made;
}
std::string_view text_of(const bytes& one) { return {one.data(), one.size()}; }

class short_vector : public testing::TestWithParam<const char*> {};

TEST_P(short_vector, is_copied_and_moved) {
  const std::string_view text = GetParam();
  bytes one = of(text);
  EXPECT_EQ(text_of(one), text);
  bytes copy = one;
  EXPECT_EQ(text_of(copy), text);
  EXPECT_NE(copy.data(), one.data());
  bytes moved = std::move(one);
  EXPECT_EQ(text_of(moved), text);
  EXPECT_TRUE(one.empty());  // NOLINT: that it is empty is a promise of its own
  one.push_back('x');
  EXPECT_EQ(text_of(one), "x");
  for (const char* other : {"", "short", "longer than what lies within"}) {
    bytes target = of(other);
    target = moved;
    EXPECT_EQ(text_of(target), text);
    target = of(other);
    EXPECT_EQ(text_of(target), other);
    bytes third = of(other);
    target = std::move(third);
    EXPECT_EQ(text_of(target), other);
  }
  bytes& same = moved;
  moved = same;
  EXPECT_EQ(text_of(moved), text);
}

INSTANTIATE_TEST_SUITE_P(sizes, short_vector,
                         testing::Values("", "1", "12345678", "123456789",
                                         "something that lies on the heap in any case"));

TEST(short_vectors, grow_one_by_one) {
  bytes one;
  std::string expected;
  for (int i = 0; i < 1000; i++) {
    one.push_back(static_cast<char>('a' + i % 26));
    expected.push_back(static_cast<char>('a' + i % 26));
    ASSERT_EQ(text_of(one), expected);
  }
  EXPECT_EQ(one.back(), expected.back());
  one.shrink(3);
  EXPECT_EQ(text_of(one), "abc");
  one.clear();
  EXPECT_TRUE(one.empty());
}

TEST(short_vectors, in_parameters) {
  stash::parameters all, some;
  for (int i = 0; i < 20; i++) {
    some.clear();
    some.add(std::string(static_cast<std::size_t>(i), 'x')).add(std::optional<bool>());
    all.append_all(some);
  }
  EXPECT_EQ(all.count(), 40);
  for (int i = 0; i < 20; i++) {
    EXPECT_EQ(all.bytes(2 * i), std::string(static_cast<std::size_t>(i), 'x'));
    EXPECT_FALSE(all.bytes(2 * i + 1).has_value());
  }
  EXPECT_THROW((void)all.bytes(40), std::exception);
  EXPECT_THROW((void)all.type(-1), std::exception);
}

}  // namespace
