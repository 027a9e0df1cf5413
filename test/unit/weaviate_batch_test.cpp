// What batches look like on the wire, and what their answers mean for each object.
#include "weaviate/batch.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "weaviate/protobuf.hpp"
#include "weaviate_answers.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

uuid numbered(int number) {
  uuid id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

server example(dialect spoken) {
  server target;
  target.url = "http://127.0.0.1:1";
  target.dialect = spoken;
  return target;
}

// A batch of objects without properties, one for each collection and tenant given.
upsert_batch batch_of(dialect spoken,
                      const std::vector<std::pair<std::string_view, std::string_view>>& groups) {
  upsert_batch batch(example(spoken));
  static constexpr std::array values{1.0F};
  static const named_vector vector{"", values};
  int number = 0;
  for (const auto& [collection, tenant] : groups)
    batch.add({collection, tenant, numbered(++number), {}, {&vector, 1}});
  return batch;
}

std::vector<std::size_t> indexes(const batch_result& result) {
  std::vector<std::size_t> all;
  for (const object_fault& each : result.faults) all.push_back(each.index);
  return all;
}

struct all_types {
  std::string_view texts[2] = {"a", "b \"c\""};
  std::int64_t integers[2] = {1, -9007199254740992};
  double numbers[3] = {0.1, 1e300, -0.0};
  bool booleans[2] = {true, false};
  property properties[13];

  all_types() {
    int at = 0;
    const auto next = [&](const char* name, property_type type) -> property& {
      property& each = properties[at++];
      each.name = name;
      each.type = type;
      return each;
    };
    next("title", property_type::text).text = "x\\y\n\x01é😀";
    next("n", property_type::integer).integer = 9007199254740992;
    next("x", property_type::number).number = 0.1;
    next("ok", property_type::boolean).boolean = true;
    next("at", property_type::date).text = "2024-01-02T03:04:05Z";
    next("u", property_type::uuid).text = "00000000-0000-4000-8000-000000000001";
    next("tags", property_type::text_array).texts = texts;
    next("ns", property_type::integer_array).integers = integers;
    next("xs", property_type::number_array).numbers = numbers;
    next("oks", property_type::boolean_array).booleans = booleans;
    next("dates", property_type::date_array).texts = {};
    next("us", property_type::uuid_array).texts = {};
    next("no", property_type::boolean).boolean = false;
  }
};

const json every_property = json::parse(R"({
  "title": "x\\y\n\u0001é😀", "n": 9007199254740992, "x": 0.1, "ok": true,
  "at": "2024-01-02T03:04:05Z", "u": "00000000-0000-4000-8000-000000000001",
  "tags": ["a", "b \"c\""], "ns": [1, -9007199254740992], "xs": [0.1, 1e300, -0.0],
  "oks": [true, false], "dates": [], "us": [], "no": false})");

// The fields of a message, by number, in their order.
std::map<std::uint32_t, std::vector<protobuf::field>> fields_of(std::string_view message) {
  std::map<std::uint32_t, std::vector<protobuf::field>> fields;
  while (!message.empty()) {
    const auto each = protobuf::take_field(&message);
    if (!each) throw std::runtime_error("no message");
    fields[each->number].push_back(*each);
  }
  return fields;
}

std::string_view only(std::map<std::uint32_t, std::vector<protobuf::field>>& fields,
                      std::uint32_t number) {
  EXPECT_EQ(fields[number].size(), 1U) << number;
  return fields[number].at(0).bytes;
}

// A google.protobuf.Value.
json value_of(std::string_view message) {
  const auto fields = fields_of(message);
  EXPECT_EQ(fields.size(), 1U);
  const auto& [number, values] = *fields.begin();
  const protobuf::field& value = values.at(0);
  if (number == 2) {
    double parsed = 0;
    std::memcpy(&parsed, value.bytes.data(), sizeof parsed);
    return parsed;
  }
  if (number == 3) return std::string(value.bytes);
  if (number == 4) return value.integer != 0;
  EXPECT_EQ(number, 6U);
  json list = json::array();
  for (const auto& [one, items] : fields_of(value.bytes))
    for (const protobuf::field& item : items) list.push_back(value_of(item.bytes));
  return list;
}

json struct_of(std::string_view message) {
  json all = json::object();
  auto fields = fields_of(message);
  for (const protobuf::field& each : fields[1]) {
    auto entry = fields_of(each.bytes);
    all[std::string(only(entry, 1))] = value_of(only(entry, 2));
  }
  return all;
}

std::string bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

TEST(weaviate_batch, connect_carries_protocol_buffers) {
  server target = example(dialect::connect);
  target.api_key = "secret";
  target.consistency = consistency::all;
  upsert_batch batch(target);
  const all_types all;
  const std::array values{1.0F, -2.5F, 0.1F};
  const named_vector unnamed{"", values};
  const named_vector named[2] = {{"one", values}, {"two", std::span(values).first(1)}};
  batch.add({"Doc", "", numbered(1), all.properties, {&unnamed, 1}});
  batch.add({"Doc", "t1", numbered(2), {}, named});
  batch.add({"Doc", "t1", numbered(3), {}, {}});
  EXPECT_EQ(batch.count(), 3U);
  EXPECT_GT(batch.bytes(), 300U);
  const http::request request = batch.take_request();
  EXPECT_EQ(request.method, http::method::post);
  EXPECT_EQ(request.url, "http://127.0.0.1:1/v1/grpc-web/weaviate.v1.Weaviate/BatchObjects");
  EXPECT_EQ(request.headers, (std::vector<std::string>{"Authorization: Bearer secret",
                                                       "Content-Type: application/proto",
                                                       "Connect-Protocol-Version: 1"}));
  auto body = fields_of(request.body);
  ASSERT_EQ(body[1].size(), 3U);
  EXPECT_EQ(body[2].at(0).integer, 3U);
  auto first = fields_of(body[1][0].bytes);
  EXPECT_EQ(only(first, 1), "00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(only(first, 4), "Doc");
  EXPECT_FALSE(first.contains(5));
  EXPECT_EQ(only(first, 6), bytes_of(values));
  auto properties = fields_of(only(first, 3));
  EXPECT_EQ(struct_of(only(properties, 1)), every_property);
  auto second = fields_of(body[1][1].bytes);
  EXPECT_EQ(only(second, 5), "t1");
  EXPECT_FALSE(second.contains(6));
  ASSERT_EQ(second[23].size(), 2U);
  auto one = fields_of(second[23][0].bytes);
  EXPECT_EQ(only(one, 1), "one");
  EXPECT_EQ(only(one, 3), bytes_of(values));
  EXPECT_EQ(one[4].at(0).integer, 1U);
  auto two = fields_of(second[23][1].bytes);
  EXPECT_EQ(only(two, 3), bytes_of(std::span(values).first(1)));
  auto third = fields_of(body[1][2].bytes);
  EXPECT_FALSE(third.contains(6) || third.contains(23));
  EXPECT_EQ(only(third, 1), "00000000-0000-0000-0000-000000000003");
}

TEST(weaviate_batch, a_reply_in_protocol_buffers) {
  const upsert_batch batch = batch_of(dialect::connect, {{"A", ""}, {"A", ""}, {"A", ""}});
  const auto reply = [&](const std::string& bytes) {
    http::response answer = answered(200, bytes);
    answer.content_type = "application/proto";
    return batch.read(answer);
  };
  const std::string took("\x0d\x6f\x12\x83\x3a", 5);
  EXPECT_EQ(reply(took).whole.verdict, verdict::done);
  EXPECT_TRUE(reply(took).faults.empty());
  std::string faulty = took;
  const auto add = [&](std::uint64_t index, std::string_view text) {
    const protobuf::message_scope error(&faulty, 2);
    if (index != 0) protobuf::append_integer(&faulty, 1, index);
    protobuf::append_text(&faulty, 2, text);
  };
  add(2, "invalid UUID length: 2");
  add(0, "class 'Nope' not present in schema");
  const batch_result result = reply(faulty);
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(result.faults[0].judged.verdict, verdict::pause);
  EXPECT_EQ(result.faults[1].judged.verdict, verdict::reject);
  // Cut anywhere but between fields, it is no reply; nor is one about objects that nobody sent.
  for (std::size_t size = 1; size < faulty.size(); size++) {
    if (size == took.size() || size == took.size() + 31) continue;
    EXPECT_EQ(reply(faulty.substr(0, size)).whole.verdict, verdict::retry) << size;
  }
  EXPECT_EQ(reply("").whole.verdict, verdict::retry);
  add(3, "x");
  EXPECT_EQ(reply(faulty).whole.verdict, verdict::retry);
}

TEST(weaviate_batch, rest_carries_vectors_as_numbers) {
  upsert_batch batch(example(dialect::rest));
  const all_types all;
  const std::array values{1.0F, -2.5F, 0.1F, 1e-38F, 16777216.0F};
  const named_vector unnamed{"", values};
  const named_vector named[2] = {{"one", values}, {"two", std::span(values).first(1)}};
  batch.add({"Doc", "", numbered(1), all.properties, {&unnamed, 1}});
  batch.add({"Doc", "t1", numbered(2), {}, named});
  const http::request request = batch.take_request();
  EXPECT_EQ(request.url, "http://127.0.0.1:1/v1/batch/objects?consistency_level=QUORUM");
  EXPECT_EQ(request.headers, (std::vector<std::string>{"Content-Type: application/json"}));
  EXPECT_NE(request.body.find("[1,-2.5,0.1,1e-38,16777216]"), std::string::npos) << request.body;
  const json body = json::parse(request.body);
  EXPECT_EQ(body["objects"][0]["properties"], every_property);
  EXPECT_EQ(body["objects"][1]["vectors"]["two"], json::array({1.0}));
  EXPECT_EQ(body["objects"][1]["tenant"], "t1");
}

TEST(weaviate_batch, connect_says_only_what_went_wrong) {
  const upsert_batch batch = batch_of(dialect::connect, {{"A", ""}, {"A", ""}, {"A", ""}});
  EXPECT_EQ(batch.read(answered(200, R"({"took":0.0019,"errors":[]})")).whole.verdict,
            verdict::done);
  EXPECT_TRUE(batch.read(answered(200, R"({"took":0.0019,"errors":[]})")).faults.empty());
  EXPECT_TRUE(batch.read(answered(200, R"({"took":0.0019})")).faults.empty());
  // Not in order, and the first without its index, as protojson has it.
  const batch_result result = batch.read(answered(200, R"({"took":0.0005,"errors":[
    {"index":2,"error":"invalid UUID length: 2"},{"error":"class 'Nope' not present in schema"}]})"));
  EXPECT_EQ(result.whole.verdict, verdict::done);
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(result.faults[0].judged.verdict, verdict::pause);
  EXPECT_EQ(result.faults[1].judged.verdict, verdict::reject);
}

TEST(weaviate_batch, an_answer_that_cannot_be_right_is_no_success) {
  const upsert_batch batch = batch_of(dialect::connect, {{"A", ""}});
  for (const char* body : {"", "null", "[]", "{\"errors\":", "{\"errors\":{}}", "{\"errors\":[1]}",
                           R"({"errors":[{"index":1,"error":"x"}]})"})
    EXPECT_EQ(batch.read(answered(200, body)).whole.verdict, verdict::retry) << body;
  const upsert_batch rest = batch_of(dialect::rest, {{"A", ""}, {"A", ""}});
  // Half of the objects are not in it.
  for (const char* body : {"", "{}", "[]", R"([{"result":{"status":"SUCCESS"}}])", "[1,2]",
                           R"([{"result":{"status":"SUCCESS"}},{}])"})
    EXPECT_EQ(rest.read(answered(200, body)).whole.verdict, verdict::retry) << body;
}

TEST(weaviate_batch, rest_answers_for_each_object) {
  const upsert_batch batch = batch_of(dialect::rest, {{"A", ""}, {"A", ""}, {"B", ""}});
  const batch_result result = batch.read(answered(200, R"([
    {"class":"A","id":"1","properties":{"result":1},"vector":[1,2,3],"result":{"status":"SUCCESS"}},
    {"class":"A","id":"2","vectors":{"x":[1]},"result":{"status":"FAILED","errors":{"error":
      [{"message":"invalid UUID length: 2"}]}}},
    {"class":"B","id":"3","result":{"status":"SUCCESS","errors":null}}])"));
  EXPECT_EQ(result.whole.verdict, verdict::done);
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{1}));
  EXPECT_EQ(result.faults[0].judged.message, "invalid UUID length: 2");
}

TEST(weaviate_batch, a_read_only_shard_makes_its_whole_group_doubtful) {
  const char* lie = R"({"took":0.0002,"errors":[
    {"index":1,"error":"store is read-only due to: manually set by user"},
    {"index":4,"error":"invalid UUID length: 2"}]})";
  const upsert_batch batch = batch_of(
      dialect::connect, {{"A", "x"}, {"A", "y"}, {"B", "y"}, {"A", "y"}, {"A", "y"}, {"A", "x"}});
  const batch_result result = batch.read(answered(200, lie));
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{1, 3, 4}));
  EXPECT_EQ(result.faults[0].judged.cause, cause::read_only);
  EXPECT_EQ(result.faults[1].judged.verdict, verdict::retry);
  // What is wrong in itself stays so.
  EXPECT_EQ(result.faults[2].judged.verdict, verdict::reject);
  const upsert_batch rest = batch_of(dialect::rest, {{"A", ""}, {"A", ""}});
  EXPECT_EQ(indexes(rest.read(answered(200, R"([
    {"result":{"errors":{"error":[{"message":"store is read-only due to: manually set by user"}]},
     "status":"FAILED"}}, {"result":{"status":"SUCCESS"}}])"))),
            (std::vector<std::size_t>{0, 1}));
}

TEST(weaviate_batch, a_failure_holds_for_all) {
  const upsert_batch batch = batch_of(dialect::connect, {{"A", ""}, {"A", ""}});
  const batch_result result =
      batch.read(answered(500, R"({"code":"unknown","message":"proto: unexpected EOF"})"));
  EXPECT_EQ(result.whole.verdict, verdict::split);
  EXPECT_TRUE(result.faults.empty());
  EXPECT_EQ(batch.read(not_answered(http::outcome::cut)).whole.verdict, verdict::retry);
}

TEST(weaviate_batch, deletions_name_their_ids) {
  server target = example(dialect::connect);
  delete_batch batch(target, "Doc", "t1");
  batch.add(numbered(1));
  batch.add(numbered(2));
  EXPECT_EQ(batch.count(), 2U);
  EXPECT_EQ(json::parse(batch.request().body), json::parse(R"({
    "collection": "Doc", "tenant": "t1", "verbose": true,
    "consistencyLevel": "CONSISTENCY_LEVEL_QUORUM",
    "filters": {"operator": "OPERATOR_CONTAINS_ANY", "target": {"property": "_id"},
      "valueTextArray": {"values": ["00000000-0000-0000-0000-000000000001",
                                    "00000000-0000-0000-0000-000000000002"]}}})"));
  delete_batch rest(example(dialect::rest), "Doc", "t 1");
  rest.add(numbered(1));
  const http::request request = rest.request();
  EXPECT_EQ(request.method, http::method::remove);
  EXPECT_EQ(request.url,
            "http://127.0.0.1:1/v1/batch/objects?consistency_level=QUORUM&tenant=t%201");
  EXPECT_EQ(json::parse(request.body), json::parse(R"({"output": "verbose", "match": {
    "class": "Doc", "where": {"path": ["id"], "operator": "ContainsAny",
      "valueTextArray": ["00000000-0000-0000-0000-000000000001"]}}})"));
}

TEST(weaviate_batch, deletions_say_which_failed) {
  delete_batch batch(example(dialect::connect), "Doc", "");
  for (int i = 1; i <= 3; i++) batch.add(numbered(i));
  // The first is gone, the second was not there, the third failed.
  batch_result result = batch.read(answered(200, R"({"took":0.0016,"failed":"1","matches":"2",
    "successful":"1","objects":[{"uuid":"AAAAAAAAAAAAAAAAAAAAAQ==","successful":true,"error":""},
    {"uuid":"AAAAAAAAAAAAAAAAAAAAAw==","successful":false,"error":"whatever"}]})"));
  EXPECT_EQ(result.whole.verdict, verdict::done);
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{2}));
  EXPECT_EQ(result.faults[0].judged.verdict, verdict::retry);
  result = batch.read(answered(200, R"({"objects":[
    {"uuid":"AAAAAAAAAAAAAAAAAAAAAw==","error":"store is read-only due to: x"}]})"));
  EXPECT_EQ(result.whole.cause, cause::read_only);
  // An error that names no object we know holds for all.
  EXPECT_EQ(batch.read(answered(200, R"({"objects":[1]})")).whole.verdict, verdict::retry);
  EXPECT_EQ(batch.read(answered(200, R"({"objects":[{"uuid":"zz"}]})")).whole.verdict,
            verdict::retry);
  EXPECT_EQ(batch.read(answered(200, "")).whole.verdict, verdict::retry);
  EXPECT_TRUE(batch.read(answered(200, R"({"matches":"0"})")).faults.empty());
  delete_batch rest(example(dialect::rest), "Doc", "");
  for (int i = 1; i <= 2; i++) rest.add(numbered(i));
  result = rest.read(answered(200, R"({"results":{"matches":2,"failed":1,"objects":[
    {"id":"00000000-0000-0000-0000-000000000001","status":"SUCCESS"},
    {"id":"00000000-0000-0000-0000-000000000002","status":"FAILED","errors":{"error":
      [{"message":"whatever"}]}}]}})"));
  EXPECT_EQ(indexes(result), (std::vector<std::size_t>{1}));
  // A read-only shard, whose object has no id.
  result = rest.read(answered(200, R"({"results":{"failed":1,"limit":10000,"matches":2,"objects":[
    {"errors":{"error":[{"message":"store is read-only due to: manually set by user"}]},
     "status":"FAILED"}],"successful":0}})"));
  EXPECT_EQ(result.whole.cause, cause::read_only);
}

}  // namespace
}  // namespace stash::weaviate
