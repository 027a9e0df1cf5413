// The plain search as Protocol Buffers: what is asked, and answers whole, cut and wrong.
#include "weaviate/search_protobuf.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <nlohmann/json.hpp>

#include "weaviate/protobuf.hpp"
#include "weaviate_answers.hpp"

namespace stash::weaviate {
namespace {

using protobuf::field;
using protobuf::take_field;

server example() {
  server target;
  target.url = "http://127.0.0.1:1";
  return target;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// Two hits of 1.39.0, whole; the distance of the first is 0, and each has a number beside its key.
const std::string recorded = from_hex(
    "0dbe43ec3912620a231a035265635a1c0a110a0973746173685f6b657912046a026b310a070a016e12024001123b"
    "0a2430303030303030302d303030302d343030302d383030302d3030303030303030303030314001a20110000000"
    "000000400080000000000000011267"
    "0a231a035265635a1c0a110a0973746173685f6b657912046a026b320a070a016e1202400212400a243030303030"
    "3030302d303030302d343030302d383030302d3030303030303030303030323d1af6953e4001a201100000000000"
    "00400080000000000000021a00");

http::response reply(std::string body) {
  http::response answer = answered(200, body);
  answer.content_type = "application/proto";
  return answer;
}

search_query plain(std::span<const float> vector, std::span<const std::string> properties) {
  search_query query;
  query.collection = "Doc";
  query.vector = vector;
  query.properties = properties;
  query.texts_only = true;
  return query;
}

// All fields of the message at `path`, the first of each number.
std::vector<field> fields_at(std::string_view message, std::initializer_list<std::uint32_t> path) {
  std::vector<field> fields;
  for (auto step = path.begin();; ++step) {
    fields.clear();
    while (!message.empty()) fields.push_back(take_field(&message).value());
    if (step == path.end()) return fields;
    for (const field& each : fields)
      if (each.number == *step) message = each.bytes;
  }
}

TEST(weaviate_search_protobuf, what_is_asked) {
  const std::array vector{1.0F, -2.5F};
  const std::vector<std::string> properties{"stash_key"};
  search_query query = plain(vector, properties);
  query.tenant = "t1";
  query.vector_name = "emb";
  query.limit = 300;
  query.max_distance = 0.25;
  const http::request request = search_request(example(), query);
  EXPECT_NE(
      std::find(request.headers.begin(), request.headers.end(), "Content-Type: application/proto"),
      request.headers.end());
  const std::vector<field> top = fields_at(request.body, {});
  ASSERT_EQ(top.size(), 7U);
  EXPECT_EQ(top[0].bytes, "Doc");
  EXPECT_EQ(top[1].bytes, "t1");
  EXPECT_EQ(fields_at(request.body, {20})[0].bytes, "stash_key");
  EXPECT_EQ(top[4].integer, 300U);
  const std::vector<field> near = fields_at(request.body, {43});
  ASSERT_EQ(near.size(), 3U);
  EXPECT_EQ(near[0].number, 2U);
  EXPECT_EQ(near[0].bytes, std::string_view("\0\0\0\0\0\0\xd0\x3f", 8));
  EXPECT_EQ(near[1].bytes, std::string_view("\0\0\x80\x3f\0\0\x20\xc0", 8));
  EXPECT_EQ(fields_at(request.body, {43, 6})[0].bytes, "emb");
}

TEST(weaviate_search_protobuf, what_it_cannot_tell_goes_as_json) {
  const std::array vector{1.0F};
  const condition filter{condition::kind::compare, {},   "n", match::equal,
                         value_kind::integer,      {"1"}};
  for (const auto change :
       {+[](search_query*query, const condition*) { query->words = "w"; },
        +[](search_query*query, const condition*by) { query->filter = by; },
        +[](search_query*query, const condition*) { query->texts_only = false; }}) {
    search_query query = plain(vector, {});
    EXPECT_NE(search_request(example(), query).body[0], '{');
    change(&query, &filter);
    EXPECT_EQ(search_request(example(), query).body[0], '{');
  }
}

TEST(weaviate_search_protobuf, hits_are_read) {
  const search_result result = read_search(example(), reply(recorded));
  ASSERT_EQ(result.failed.verdict, verdict::done);
  ASSERT_EQ(result.hits.size(), 2U);
  EXPECT_EQ(to_string(result.hits[0].id), "00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(result.hits[0].distance.value(), 0.0);
  EXPECT_EQ(result.hits[0].properties, R"({"stash_key":"k1"})");
  EXPECT_EQ(to_string(result.hits[1].id), "00000000-0000-4000-8000-000000000002");
  EXPECT_NEAR(result.hits[1].distance.value(), 0.29289, 1e-5);
  EXPECT_EQ(result.hits[1].properties, R"({"stash_key":"k2"})");
  EXPECT_FALSE(result.hits[1].score);
}

TEST(weaviate_search_protobuf, an_answer_that_is_cut_or_wrong_is_none) {
  // Where it is cut between two fields nobody could tell; the length of HTTP's body does.
  const std::size_t between[] = {5, 105, 210};
  for (std::size_t size = 0; size < recorded.size(); size++) {
    if (std::find(std::begin(between), std::end(between), size) != std::end(between)) continue;
    const search_result result = read_search(example(), reply(recorded.substr(0, size)));
    EXPECT_EQ(result.failed.verdict, verdict::retry) << size;
    EXPECT_TRUE(result.hits.empty()) << size;
  }
  // A hit without metadata, with an id that is none, with a distance of another size.
  for (const char* hex : {"1200",
                          "12051203"
                          "0a0178",
                          "1206120439"
                          "000000"})
    EXPECT_EQ(read_search(example(), reply(from_hex(hex))).failed.verdict, verdict::retry) << hex;
  // Any byte may be another one: something is read, or nothing.
  for (std::size_t at = 0; at < recorded.size(); at++) {
    std::string other = recorded;
    other[at] = static_cast<char>(other[at] ^ 0x55);
    (void)read_search(example(), reply(other));
  }
}

TEST(weaviate_search_protobuf, no_hit_is_an_answer) {
  const search_result result = read_search(example(), reply(from_hex("0dbe43ec391a00")));
  EXPECT_EQ(result.failed.verdict, verdict::done);
  EXPECT_TRUE(result.hits.empty());
}

}  // namespace
}  // namespace stash::weaviate
