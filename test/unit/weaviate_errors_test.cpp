// What answers mean: recorded ones, and those that only a failing server or a proxy gives.
#include "weaviate/errors.hpp"

#include <gtest/gtest.h>

#include "weaviate_answers.hpp"

namespace stash::weaviate {
namespace {

struct expected_object {
  const char* message;
  weaviate::verdict verdict;
  weaviate::cause cause;
};

TEST(weaviate_errors, messages_about_one_object) {
  const expected_object known[] = {
      {"invalid integer property 'n' on class 'Arr': requires an integer, the given value is '1.5'",
       verdict::reject, cause::object},
      {"invalid date property 'at' on class 'Arr': requires a string with a RFC3339 formatted "
       "date, "
       "but the given value is 'yesterday'",
       verdict::reject, cause::object},
      {"invalid uuid property 'u' on class 'Arr': requires a string of UUID format, but the given "
       "value is 'not'",
       verdict::reject, cause::object},
      {"invalid text array property 'tags' on class 'Arr': invalid text array value: [<nil> a]",
       verdict::reject, cause::object},
      {"invalid UUID length: 2", verdict::reject, cause::object},
      {"Validate vector index for 00000000-0000-4000-8000-000000000010: new node has a vector with "
       "length 2. Existing nodes have vectors with length 3: vector dimensions do not match the "
       "index dimensions",
       verdict::reject, cause::object},
      {"no such prop with name 'nope' found in class 'Arr' in the schema. Check your schema files "
       "for which properties in this class are available",
       verdict::pause, cause::schema},
      {"collection Arr does not have configuration for vector emb", verdict::pause, cause::schema},
      {"class Arr has multi-tenancy disabled, but request was with tenant", verdict::pause,
       cause::schema},
      {"class Mt has multi-tenancy enabled, but request was without tenant", verdict::pause,
       cause::schema},
      {"class 'Nope' not present in schema", verdict::pause, cause::missing_collection},
      {"tenant not found: \"a\"", verdict::pause, cause::missing_tenant},
      {"tenant not active: 'c'", verdict::pause, cause::inactive_tenant},
      {"store is read-only due to: manually set by user", verdict::retry, cause::read_only},
      {"something nobody has seen yet", verdict::retry, cause::unknown},
  };
  for (const expected_object& each : known) {
    const judgement judged = judge_object(each.message);
    EXPECT_EQ(judged.verdict, each.verdict) << each.message;
    EXPECT_EQ(judged.cause, each.cause) << each.message;
    EXPECT_EQ(judged.message, each.message);
  }
}

TEST(weaviate_errors, a_message_names_what_it_has_in_quotes) {
  EXPECT_TRUE(names("tenant not active: 'c'", "c"));
  EXPECT_TRUE(names("HTTP 500: tenant not found: \"t1\": more", "t1"));
  EXPECT_TRUE(names(R"(tenant not found: \"zz\")", "zz"));
  EXPECT_TRUE(names("'tt' and 't'", "t"));
  EXPECT_FALSE(names("tenant not active: 'c'", "a"));
  EXPECT_FALSE(names("tenant not active: 'abc'", "b"));
  EXPECT_FALSE(names("tenant not active: 'ab'", "a"));
  EXPECT_FALSE(names("tenant not active: 'c'", ""));
  EXPECT_FALSE(names("c", "c"));
  EXPECT_FALSE(names("", "c"));
}

TEST(weaviate_errors, the_message_decides_before_the_status) {
  const auto judged = [](const std::string& message) {
    return judge_failure(answered(500, R"({"code":"unknown","message":")" + message + "\"}"));
  };
  EXPECT_EQ(judged("could not find class Nope in schema").cause, cause::missing_collection);
  EXPECT_EQ(judged("could not find class Nope in schema").verdict, verdict::pause);
  EXPECT_EQ(judged("batch delete: cannot find objects: tenant not found: \\\"zz\\\"").cause,
            cause::missing_tenant);
  EXPECT_EQ(
      judged("batch delete reply: failed to parse id \\\"\\\" as uuid: invalid UUID length: 0")
          .cause,
      cause::read_only);
  EXPECT_EQ(judged("cannot process batch: not enough memory").cause, cause::overloaded);
  EXPECT_EQ(judged("leader not found").verdict, verdict::retry);
  // One object among many is at fault; which, nobody says.
  EXPECT_EQ(judged("auto create tenants: tenant name at index 1:  'bad name' is not a valid tenant "
                   "name.")
                .verdict,
            verdict::split);
  EXPECT_EQ(judged("vector search: knn search: distance between entrypoint and query node: 3 vs 2: "
                   "vector lengths don't match")
                .verdict,
            verdict::split);
  EXPECT_EQ(judged("proto: unexpected EOF").verdict, verdict::split);
  EXPECT_EQ(judged("nobody knows").verdict, verdict::retry);
  EXPECT_EQ(judged("nobody knows").message, "HTTP 500: nobody knows");
}

TEST(weaviate_errors, the_status_decides_where_the_message_says_nothing) {
  const auto judged = [](int status, const std::string& body = "") {
    return judge_failure(answered(status, body));
  };
  EXPECT_EQ(judged(401).verdict, verdict::pause);
  EXPECT_EQ(
      judged(401, R"({"code":401,"message":"anonymous access not enabled. Please authenticate "
                        "through one of the available methods: [API-keys]"})")
          .cause,
      cause::unauthorized);
  EXPECT_EQ(judged(403).cause, cause::unauthorized);
  EXPECT_EQ(judged(404, "Not Found\n").cause, cause::dialect);
  EXPECT_EQ(judged(408).verdict, verdict::retry);
  EXPECT_EQ(judged(400).verdict, verdict::split);
  EXPECT_EQ(judged(413).verdict, verdict::split);
  EXPECT_EQ(judged(422, R"({"error":[{"message":"invalid object: whatever"}]})").verdict,
            verdict::split);
  EXPECT_EQ(judged(429, R"({"error":[{"message":"USAGE_LIMIT_EXCEEDED: objects"}]})").verdict,
            verdict::pause);
  EXPECT_EQ(judged(429).cause, cause::quota);
  EXPECT_EQ(judged(500).verdict, verdict::retry);
  EXPECT_EQ(judged(503, R"({"error":[{"message":"server is in READ_ONLY mode"}]})").cause,
            cause::read_only);
  EXPECT_EQ(judged(302).verdict, verdict::pause);
  // What a proxy says in front of the server is no message of Weaviate's.
  EXPECT_EQ(judged(502, "<html>the tenant not found page</html>").verdict, verdict::retry);
}

TEST(weaviate_errors, what_the_network_did) {
  for (const auto outcome :
       {http::outcome::unreachable, http::outcome::timed_out, http::outcome::cut}) {
    const judgement judged = judge_failure(not_answered(outcome));
    EXPECT_EQ(judged.verdict, verdict::retry);
    EXPECT_EQ(judged.cause, cause::network);
    EXPECT_EQ(judged.message, "no answer");
  }
  EXPECT_EQ(judge_failure(not_answered(http::outcome::untrusted)).verdict, verdict::pause);
  EXPECT_EQ(judge_failure(not_answered(http::outcome::too_large)).verdict, verdict::split);
  EXPECT_FALSE(is_success(answered(200, "")));
  EXPECT_EQ(judge_failure(answered(200, "")).verdict, verdict::retry);
  EXPECT_TRUE(is_success(answered(200, "{}")));
}

TEST(weaviate_errors, what_may_still_be_carried_out) {
  for (const http::outcome outcome : {http::outcome::timed_out, http::outcome::cut})
    EXPECT_TRUE(may_come_late(not_answered(outcome)));
  for (const int status : {408, 499, 502, 504}) EXPECT_TRUE(may_come_late(answered(status, "")));
  for (const http::outcome outcome : {http::outcome::unreachable, http::outcome::untrusted})
    EXPECT_FALSE(may_come_late(not_answered(outcome)));
  for (const int status : {200, 401, 422, 429, 500, 503})
    EXPECT_FALSE(may_come_late(answered(status, "")));
}

TEST(weaviate_errors, messages_come_out_of_either_shape) {
  EXPECT_EQ(message_of(R"({"error":[{"message":"one"},{"message":"two"}]})"), "one; two");
  EXPECT_EQ(message_of(R"({"code":"unknown","message":"three"})"), "three");
  EXPECT_EQ(message_of(R"({"errors":[{"message":"four","path":["Get"]}]})"), "four");
  EXPECT_EQ(message_of(R"({"error":"five"})"), "five");
  EXPECT_EQ(message_of("Not Found\n"), "Not Found");
  EXPECT_EQ(message_of(""), "");
  EXPECT_EQ(message_of("{\"message\":"), "{\"message\":");
}

TEST(weaviate_errors, texts_are_fit_to_be_shown) {
  EXPECT_EQ(readable("a\nb\tc\x01"), "a b c");
  EXPECT_EQ(readable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(readable("broken \xc3"), "broken");
  EXPECT_EQ(readable("a\xff"
                     "b"),
            "a b");
  const std::string cut = readable(std::string(1000, 'x'));
  EXPECT_EQ(cut.size(), 500U);
  EXPECT_TRUE(cut.ends_with("x…"));
  // Never in the middle of a character.
  std::string wide;
  for (int i = 0; i < 400; i++) wide += "é";
  for (std::size_t most = 3; most < 20; most++) {
    const std::string text = readable(wide, most);
    EXPECT_LE(text.size(), most);
    EXPECT_EQ(readable(text, 1000), text);
  }
}

}  // namespace
}  // namespace stash::weaviate
