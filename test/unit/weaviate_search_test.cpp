// Questions to collections and their answers, in both dialects.
#include "weaviate/search.hpp"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "weaviate/answer_json.hpp"
#include "weaviate_answers.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

server example(dialect spoken) {
  server target;
  target.url = "http://127.0.0.1:1";
  target.dialect = spoken;
  return target;
}

condition compare(const char* property, match how, value_kind kind,
                  std::vector<std::string> values) {
  condition made;
  made.property = property;
  made.how = how;
  made.values_are = kind;
  made.values = std::move(values);
  return made;
}

condition group(enum condition::kind is, std::vector<condition> parts) {
  condition made;
  made.is = is;
  made.parts = std::move(parts);
  return made;
}

TEST(weaviate_search, conditions_in_both_dialects) {
  const condition lang = compare("lang", match::equal, value_kind::text, {"e\"n"});
  const condition year = compare("year", match::greater_equal, value_kind::integer, {"2020"});
  const condition price = compare("price", match::less, value_kind::number, {"1.5"});
  const condition tags = compare("tags", match::contains_any, value_kind::text, {"a", "b"});
  const condition sold = compare("sold", match::equal, value_kind::boolean, {"false"});
  const condition id = compare("_id", match::equal, value_kind::text, {"x"});
  EXPECT_EQ(connect_filter(lang), json::parse(R"({"operator":"OPERATOR_EQUAL",
    "target":{"property":"lang"},"valueText":"e\"n"})"));
  EXPECT_EQ(connect_filter(tags), json::parse(R"({"operator":"OPERATOR_CONTAINS_ANY",
    "target":{"property":"tags"},"valueTextArray":{"values":["a","b"]}})"));
  const condition all = group(condition::kind::all_of,
                              {lang, group(condition::kind::any_of, {year, price}), sold, id});
  EXPECT_EQ(connect_filter(all), json::parse(R"({"operator":"OPERATOR_AND","filters":[
    {"operator":"OPERATOR_EQUAL","target":{"property":"lang"},"valueText":"e\"n"},
    {"operator":"OPERATOR_OR","filters":[
      {"operator":"OPERATOR_GREATER_THAN_EQUAL","target":{"property":"year"},"valueInt":2020},
      {"operator":"OPERATOR_LESS_THAN","target":{"property":"price"},"valueNumber":1.5}]},
    {"operator":"OPERATOR_EQUAL","target":{"property":"sold"},"valueBoolean":false},
    {"operator":"OPERATOR_EQUAL","target":{"property":"_id"},"valueText":"x"}]})"));
  EXPECT_EQ(graphql_filter(all),
            R"({operator:And,operands:[{path:["lang"],operator:Equal,valueText:"e\"n"},)"
            R"({operator:Or,operands:[{path:["year"],operator:GreaterThanEqual,valueInt:2020},)"
            R"({path:["price"],operator:LessThan,valueNumber:1.5}]},)"
            R"({path:["sold"],operator:Equal,valueBoolean:false},)"
            R"({path:["id"],operator:Equal,valueText:"x"}]})");
  EXPECT_EQ(graphql_filter(tags), R"({path:["tags"],operator:ContainsAny,valueText:["a","b"]})");
  EXPECT_FALSE(has_none_of(all));
  const condition none = group(condition::kind::none_of, {lang, sold});
  EXPECT_TRUE(has_none_of(group(condition::kind::all_of, {none})));
  const json negated = connect_filter(none);
  EXPECT_EQ(negated["operator"], "OPERATOR_NOT");
  EXPECT_EQ(negated["filters"].size(), 1U);
  EXPECT_EQ(negated["filters"][0]["operator"], "OPERATOR_OR");
  EXPECT_EQ(connect_filter(group(condition::kind::none_of, {lang}))["filters"][0],
            connect_filter(lang));
}

TEST(weaviate_search, the_nearest_vectors) {
  const std::array vector{1.0F, -2.5F, 0.1F};
  const std::vector<std::string> properties{"stash_key"};
  const condition filter = compare("n", match::equal, value_kind::integer, {"1"});
  search_query query;
  query.collection = "Doc";
  query.vector = vector;
  query.limit = 7;
  query.properties = properties;
  EXPECT_EQ(json::parse(search_request(example(dialect::connect), query).body), json::parse(R"({
    "collection":"Doc","limit":7,"uses127Api":true,"nearVector":{"vectorBytes":"AACAPwAAIMDNzMw9"},
    "metadata":{"uuid":true,"distance":true},
    "properties":{"nonRefProperties":["stash_key"]}})"));
  query.tenant = "t1";
  query.vector_name = "emb";
  query.max_distance = 0.25;
  query.filter = &filter;
  const json whole = json::parse(search_request(example(dialect::connect), query).body);
  EXPECT_EQ(whole["tenant"], "t1");
  EXPECT_EQ(whole["filters"], connect_filter(filter));
  EXPECT_EQ(whole["nearVector"], json::parse(R"({"vectorBytes":"AACAPwAAIMDNzMw9","distance":0.25,
    "targets":{"targetVectors":["emb"]}})"));
  const http::request older = search_request(example(dialect::rest), query);
  EXPECT_EQ(older.url, "http://127.0.0.1:1/v1/graphql");
  EXPECT_EQ(json::parse(older.body)["query"],
            R"({Get{Doc(limit:7,tenant:"t1",where:{path:["n"],operator:Equal,valueInt:1},)"
            R"(nearVector:{vector:[1,-2.5,0.1],targetVectors:["emb"],distance:0.25}))"
            R"({stash_key _additional{id distance}}}})");
}

TEST(weaviate_search, words_and_vectors_together) {
  const std::array vector{1.0F};
  search_query query;
  query.collection = "Doc";
  query.words = "a \"b\"";
  query.vector = vector;
  query.alpha = 0.25;
  query.vector_name = "emb";
  query.max_distance = 0.1;
  json body = json::parse(search_request(example(dialect::connect), query).body);
  EXPECT_FALSE(body.contains("nearVector"));
  EXPECT_EQ(body["metadata"], json::parse(R"({"uuid":true,"score":true})"));
  EXPECT_EQ(body["hybridSearch"], json::parse(R"({"query":"a \"b\"","alpha":0.25,
    "nearVector":{"vectorBytes":"AACAPw==","targets":{"targetVectors":["emb"]}},
    "targets":{"targetVectors":["emb"]}})"));
  const std::string older =
      json::parse(search_request(example(dialect::rest), query).body)["query"].get<std::string>();
  EXPECT_EQ(older, R"({Get{Doc(limit:10,hybrid:{query:"a \"b\"",alpha:0.25,vector:[1],)"
                   R"(targetVectors:["emb"]}){_additional{id score}}}})");
  // Words alone.
  query.vector = {};
  body = json::parse(search_request(example(dialect::connect), query).body);
  EXPECT_EQ(body["hybridSearch"]["alpha"], 0.0);
  EXPECT_FALSE(body["hybridSearch"].contains("nearVector"));
}

// One hit of 1.39.0, whole.
const char* const recorded = R"({"took":0.000317882,"results":[{"properties":{"refProps":[],
  "targetCollection":"Ff","metadata":null,"nonRefProps":{"fields":{"n":{"intValue":"1"},
  "at":{"dateValue":"2024-01-02T03:04:05.123456+02:00"},"title":{"textValue":"nul \u0000 x"},
  "u":{"uuidValue":"abcdef00-0000-4000-8000-0000000000aa"},"x":{"numberValue":-0},
  "ok":{"boolValue":true},"gone":{"nullValue":null},
  "ns":{"listValue":{"intValues":{"values":"AAAAAAAAIAA="}}},
  "xs":{"listValue":{"numberValues":{"values":"AAAAAAAA9D8AAAAAAAAEQA=="}}},
  "none":{"listValue":{"numberValues":{"values":""}}},
  "oks":{"listValue":{"boolValues":{"values":[true]}}},
  "tags":{"listValue":{"textValues":{"values":["a","b c"]}}},
  "us":{"listValue":{"uuidValues":{"values":["abcdef00-0000-4000-8000-0000000000aa"]}}}}},
  "refPropsRequested":false},"metadata":{"id":"00000000-0000-4000-8000-000000000001","vector":[],
  "creationTimeUnix":"0","creationTimeUnixPresent":false,"lastUpdateTimeUnix":"0",
  "lastUpdateTimeUnixPresent":false,"distance":0.051316738,"distancePresent":true,"certainty":0,
  "certaintyPresent":false,"score":0.5,"scorePresent":false,"explainScore":"",
  "explainScorePresent":false,"generative":"","generativePresent":false,"isConsistentPresent":false,
  "vectorBytes":"AACAPwAAAEAAAEBA","idAsBytes":"AAAAAAAAQACAAAAAAAAAAQ==","rerankScore":0,
  "rerankScorePresent":false,"vectors":[{"name":"two","index":"0","vectorBytes":"AACAPwAAgD8=",
  "type":"VECTOR_TYPE_SINGLE_FP32"}]}}],"generativeGroupedResult":"","groupByResults":[]})";

TEST(weaviate_search, hits_are_read) {
  const search_result result = read_search(example(dialect::connect), answered(200, recorded));
  ASSERT_EQ(result.failed.verdict, verdict::done);
  ASSERT_EQ(result.hits.size(), 1U);
  const search_hit& hit = result.hits[0];
  EXPECT_EQ(to_string(hit.id), "00000000-0000-4000-8000-000000000001");
  EXPECT_DOUBLE_EQ(hit.distance.value(), 0.051316738);
  EXPECT_FALSE(hit.score);
  EXPECT_EQ(json::parse(hit.properties), json::parse(R"({"n":1,
    "at":"2024-01-02T03:04:05.123456+02:00","title":"nul \u0000 x",
    "u":"abcdef00-0000-4000-8000-0000000000aa","x":-0.0,"ok":true,"ns":[9007199254740992],
    "xs":[1.25,2.5],"none":[],"oks":[true],"tags":["a","b c"],
    "us":["abcdef00-0000-4000-8000-0000000000aa"]})"));
  EXPECT_EQ(hit.vector, (std::vector<float>{1, 2, 3}));
}

TEST(weaviate_search, answers_of_the_older_dialect) {
  const server older = example(dialect::rest);
  const search_result result = read_search(older, answered(200, R"({"data":{"Get":{"Ff":[
    {"_additional":{"distance":5.9604645e-8,"id":"00000000-0000-4000-8000-000000000001"},
     "n":1,"tags":["a"],"title":null},
    {"_additional":{"distance":null,"id":"00000000-0000-4000-8000-000000000003",
     "score":"0.7591104"},"n":3}]}}})"));
  ASSERT_EQ(result.hits.size(), 2U);
  EXPECT_DOUBLE_EQ(result.hits[0].distance.value(), 5.9604645e-8);
  EXPECT_FALSE(result.hits[0].score);
  EXPECT_EQ(json::parse(result.hits[0].properties), json::parse(R"({"n":1,"tags":["a"]})"));
  EXPECT_DOUBLE_EQ(result.hits[1].score.value(), 0.7591104);
  EXPECT_FALSE(result.hits[1].distance);
  const search_result failed = read_search(older, answered(200, R"({"errors":[{"locations":[],
    "message":"class not found","path":null}]})"));
  EXPECT_EQ(failed.failed.cause, cause::missing_collection);
  EXPECT_EQ(
      read_search(older, answered(422, R"({"error":[{"message":"graphql api is disabled"}]})"))
          .failed.verdict,
      verdict::split);
}

TEST(weaviate_search, half_an_answer_is_none) {
  const std::string whole = recorded;
  for (std::size_t size = 1; size < whole.size(); size += 7) {
    const auto result =
        read_search(example(dialect::connect), answered(200, whole.substr(0, size)));
    EXPECT_EQ(result.failed.verdict, verdict::retry) << size;
    EXPECT_TRUE(result.hits.empty()) << size;
  }
  for (const char* body :
       {"", "null", "[]", R"({"results":[{}]})", R"({"results":[{"metadata":1}]})",
        R"({"results":[{"metadata":{"id":"x"}}]})"})
    EXPECT_EQ(read_search(example(dialect::connect), answered(200, body)).failed.verdict,
              verdict::retry)
        << body;
  EXPECT_EQ(
      read_search(example(dialect::connect), answered(200, R"({"results":[]})")).failed.verdict,
      verdict::done);
  EXPECT_EQ(read_search(example(dialect::rest), answered(200, "{}")).failed.verdict,
            verdict::retry);
}

TEST(weaviate_search, elements_are_seen_one_by_one) {
  int seen = 0;
  const json rest = for_each_element(
      R"({"results":[{"a":{"results":[{"b":1}]}},{"a":2}],"other":[{"a":3}],"last":{"x":1}})",
      "results", [&](const json& each) { seen += each.contains("a") ? 1 : 100; });
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(rest["other"].size(), 1U);
  EXPECT_EQ(rest["last"]["x"], 1);
}

TEST(weaviate_search, pages_go_on_behind_an_id) {
  const std::vector<std::string> properties{"stash_key"};
  page_query query;
  query.collection = "Doc";
  query.properties = properties;
  query.limit = 100;
  json body = json::parse(page_request(example(dialect::connect), query).body);
  EXPECT_EQ(body["after"], "");
  EXPECT_FALSE(body.contains("tenant"));
  query.after = uuid_from_text("00000000-0000-4000-8000-000000000001");
  query.tenant = "t1";
  query.with_vector = true;
  body = json::parse(page_request(example(dialect::connect), query).body);
  EXPECT_EQ(body, json::parse(R"({"collection":"Doc","limit":100,"uses127Api":true,"tenant":"t1",
    "after":"00000000-0000-4000-8000-000000000001","metadata":{"uuid":true,"vector":true},
    "properties":{"nonRefProperties":["stash_key"]}})"));
  query.vector_name = "two";
  body = json::parse(page_request(example(dialect::connect), query).body);
  EXPECT_EQ(body["metadata"], json::parse(R"({"uuid":true,"vectors":["two"]})"));
  EXPECT_EQ(page_request(example(dialect::rest), query).url,
            "http://127.0.0.1:1/v1/objects?class=Doc&limit=100"
            "&after=00000000-0000-4000-8000-000000000001&tenant=t1&include=vector");
  const search_result page = read_page(example(dialect::rest), query, answered(200, R"({
    "deprecations":[],"objects":[{"class":"Ff","id":"00000000-0000-4000-8000-000000000001",
    "properties":{"stash_key":"k","n":1},"vectors":{"emb":[1,1,0],"two":[1,0.1]}}]})"));
  ASSERT_EQ(page.hits.size(), 1U);
  EXPECT_EQ(page.hits[0].properties, R"({"stash_key":"k"})");
  EXPECT_EQ(page.hits[0].vector, (std::vector<float>{1, 0.1F}));
  const search_result named =
      read_page(example(dialect::connect), query, answered(200, R"({"results":[{"metadata":{"id":
                  "00000000-0000-4000-8000-000000000001","vectorBytes":"","vectors":[{"name":"two",
                  "vectorBytes":"AACAPwAAgD8="}]}}]})"));
  ASSERT_EQ(named.hits.size(), 1U);
  EXPECT_EQ(named.hits[0].vector, (std::vector<float>{1, 1}));
  EXPECT_EQ(named.hits[0].properties, "{}");
}

}  // namespace
}  // namespace stash::weaviate
