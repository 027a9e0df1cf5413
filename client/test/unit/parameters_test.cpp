// The wire forms of parameters, byte for byte, and what a secret keeps to itself.
#include "stash/parameters.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

#include "stash/error.hpp"

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using stash::parameters;

TEST(parameters, texts_travel_as_they_are) {
  parameters values;
  values.add("a").add(std::string("b\0c", 3)).add(std::string_view());
  EXPECT_EQ(values.count(), 3);
  EXPECT_EQ(values.type(0), 25u);
  EXPECT_EQ(values.bytes(0), "a");
  EXPECT_EQ(values.bytes(1), "b\0c"s);
  EXPECT_EQ(values.bytes(2), "");
}

TEST(parameters, numbers_are_big_endian) {
  parameters values;
  values.add(std::int64_t{-2}).add(std::int32_t{258}).add(1.5).add(true).add(false);
  EXPECT_EQ(values.bytes(0), "\xff\xff\xff\xff\xff\xff\xff\xfe");
  EXPECT_EQ(values.bytes(1), "\0\0\1\2"s);
  EXPECT_EQ(values.bytes(2), "\x3f\xf8\0\0\0\0\0\0"s);
  EXPECT_EQ(values.bytes(3), "\1");
  EXPECT_EQ(values.bytes(4), "\0"s);
}

TEST(parameters, durations_are_seconds_and_may_be_infinite) {
  parameters values;
  values.add(stash::seconds{std::numeric_limits<double>::infinity()}).add(stash::seconds{1.5});
  EXPECT_EQ(values.type(0), 701u);
  EXPECT_EQ(values.bytes(0), "\x7f\xf0\0\0\0\0\0\0"s);
  EXPECT_EQ(values.bytes(1), "\x3f\xf8\0\0\0\0\0\0"s);
}

TEST(parameters, embeddings_are_real_arrays) {
  parameters values;
  const std::vector<float> embedding{1, -0.5F};
  values.add(embedding).add(std::span<const float>()).add(std::optional<std::vector<float>>());
  EXPECT_EQ(values.type(0), 1021u);
  EXPECT_EQ(values.bytes(0),
            "\0\0\0\1\0\0\0\0\0\0\2\xbc\0\0\0\2\0\0\0\1"
            "\0\0\0\4\x3f\x80\0\0\0\0\0\4\xbf\0\0\0"s);
  EXPECT_EQ(values.bytes(1), "\0\0\0\0\0\0\0\0\0\0\2\xbc"s);
  EXPECT_EQ(values.type(2), 1021u);
  EXPECT_FALSE(values.bytes(2).has_value());
}

TEST(parameters, moments_count_from_2000) {
  parameters values;
  values.add(stash::time_point(std::chrono::seconds(946'684'801)));
  EXPECT_EQ(values.bytes(0), "\0\0\0\0\0\x0f\x42\x40"s);
}

TEST(parameters, json_has_a_version_byte) {
  parameters values;
  values.add(stash::json{{"a", 1}}).add_json_text("[2]");
  EXPECT_EQ(values.type(0), 3802u);
  EXPECT_EQ(values.bytes(0), "\1{\"a\":1}");
  EXPECT_EQ(values.bytes(1), "\1[2]");
}

TEST(parameters, arrays) {
  parameters values;
  values.add(std::vector<std::string>{"ab"}).add(std::vector<std::string>{});
  EXPECT_EQ(values.bytes(0), "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\2ab"s);
  EXPECT_EQ(values.bytes(1), "\0\0\0\0\0\0\0\0\0\0\0\x19"s);
  const std::vector<stash::json> documents{1};
  values.add(std::span<const stash::json>(documents));
  EXPECT_EQ(values.bytes(2),
            "\0\0\0\1\0\0\0\0\0\0\x0e\xda\0\0\0\1\0\0\0\1\0\0\0\2\1"
            "1"s);
}

TEST(parameters, null_keeps_its_type) {
  parameters values;
  values.add(std::optional<std::int64_t>()).add(std::nullopt).add(std::optional<std::string>("x"));
  EXPECT_EQ(values.type(0), 20u);
  EXPECT_FALSE(values.bytes(0).has_value());
  EXPECT_EQ(values.type(1), 0u);
  EXPECT_FALSE(values.bytes(1).has_value());
  EXPECT_EQ(values.bytes(2), "x");
}

TEST(parameters, uuids) {
  const std::vector<std::string> good{"00010203-0405-0607-0809-0a0b0c0d0e0F"};
  parameters values;
  values.add_uuids(good);
  EXPECT_TRUE(values.bytes(0)->ends_with("\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"s));
  for (const char* bad : {"", "0001", "x0010203-0405-0607-0809-0a0b0c0d0e0f"}) {
    const std::vector<std::string> ids{bad};
    EXPECT_THROW(values.add_uuids(ids), stash::usage_error) << bad;
  }
}

template <typename T>
concept streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(secret, does_not_show_itself) {
  static_assert(!streamable<stash::secret>);
  static_assert(!std::is_convertible_v<stash::secret, std::string>);
  static_assert(!std::is_convertible_v<stash::secret, std::string_view>);
  const stash::secret one("hush");
  EXPECT_EQ(one.reveal(), "hush");
  EXPECT_TRUE(stash::secret().empty());
}

TEST(secret, moving_leaves_nothing_behind) {
  stash::secret short_one("tiny");
  const char* bytes = short_one.reveal().data();
  const stash::secret taken(std::move(short_one));
  EXPECT_EQ(taken.reveal(), "tiny");
  EXPECT_EQ(std::string_view(bytes, 4), "\0\0\0\0"sv);
  stash::secret copy = taken;
  copy = stash::secret("other");
  EXPECT_EQ(taken.reveal(), "tiny");
  EXPECT_EQ(copy.reveal(), "other");
}

}  // namespace
