// The bytes of a session's hot copy, its limits, and the comparison of token hashes.
#include "session/record.hpp"

#include <gtest/gtest.h>

namespace stash {
namespace {

session_record example() {
  session_record record;
  for (std::size_t i = 0; i < 16; i++) record.facts.id.bytes[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 32; i++) record.facts.token[i] = static_cast<std::uint8_t>(255 - i);
  record.facts.version = 7;
  record.facts.schema_version = 3;
  record.facts.present = has_user | has_address;
  record.facts.created_at = 100;
  record.facts.seen_at = 200;
  record.facts.expires_at = 300;
  record.facts.idle_limit = 50;
  record.data = "data with a \0 inside";
  record.user_id = "alice";
  record.address = "\x02\x20";
  return record;
}

TEST(session_record, what_is_encoded_is_decoded) {
  std::string bytes;
  const session_record before = example();
  encode(before, &bytes);
  const auto after = decode_session(bytes);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->facts.id, before.facts.id);
  EXPECT_EQ(after->facts.token, before.facts.token);
  EXPECT_EQ(after->facts.version, 7);
  EXPECT_EQ(after->facts.schema_version, 3);
  EXPECT_EQ(after->facts.expires_at, 300);
  EXPECT_EQ(after->facts.idle_limit, 50);
  EXPECT_EQ(after->data, before.data);
  EXPECT_EQ(after->user_id, "alice");
  EXPECT_EQ(after->address, before.address);
  EXPECT_TRUE(after->has(has_user));
  EXPECT_FALSE(after->has(has_agent));
  EXPECT_FALSE(after->has(has_user_agent));
  EXPECT_EQ(after->agent_id, "");
}

TEST(session_record, other_bytes_are_no_session) {
  std::string bytes;
  encode(example(), &bytes);
  for (std::size_t size = 0; size < bytes.size(); size++)
    EXPECT_FALSE(decode_session(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_FALSE(decode_session(bytes + "x"));
}

TEST(session_record, a_session_ends_at_its_limits_and_not_before) {
  session_facts facts;
  facts.expires_at = 1000;
  facts.idle_limit = 100;
  EXPECT_EQ(ended_by(facts, 900, 999), session_end::none);
  EXPECT_EQ(ended_by(facts, 900, 1000), session_end::expired);
  EXPECT_EQ(ended_by(facts, 500, 599), session_end::none);
  EXPECT_EQ(ended_by(facts, 500, 600), session_end::idle);
  // A touch from a clock that is ahead keeps it alive.
  EXPECT_EQ(ended_by(facts, 700, 600), session_end::none);
  facts.idle_limit = never;
  EXPECT_EQ(ended_by(facts, 0, 999), session_end::none);
  facts.expires_at = never;
  EXPECT_EQ(ended_by(facts, 0, never - 1), session_end::none);
}

TEST(session_record, moments_are_rounded_and_bounded) {
  EXPECT_EQ(moment_after(0, 0.1), 100'000);
  EXPECT_EQ(moment_after(5, 1800), 1'800'000'005);
  EXPECT_EQ(moment_after(0, 1e300), never);
  EXPECT_EQ(moment_after(0, std::numeric_limits<double>::infinity()), never);
}

TEST(session_record, hashes_are_the_same_only_in_every_byte) {
  const token_hash a = example().facts.token;
  EXPECT_TRUE(same_hash(a, a));
  for (std::size_t i = 0; i < a.size(); i++)
    for (int bit = 0; bit < 8; bit++) {
      token_hash b = a;
      b[i] = static_cast<std::uint8_t>(b[i] ^ (1 << bit));
      EXPECT_FALSE(same_hash(a, b)) << i << ' ' << bit;
    }
}

}  // namespace
}  // namespace stash
