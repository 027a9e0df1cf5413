// What servers say about themselves.
#include "weaviate/about.hpp"

#include <gtest/gtest.h>

#include "weaviate_answers.hpp"

namespace stash::weaviate {
namespace {

TEST(weaviate_about, versions) {
  EXPECT_EQ(version_of(answered(200, R"({"hostname":"x","version":"1.39.0","modules":{}})")),
            "1.39.0");
  for (const char* body : {"", "[]", "{}", R"({"version":1})"})
    EXPECT_EQ(version_of(answered(200, body)), "") << body;
}

TEST(weaviate_about, a_probe_tells_the_dialect_or_what_went_wrong) {
  judgement failed;
  EXPECT_EQ(dialect_of(answered(200, R"({"took":0.000002904,"errors":[]})"), &failed),
            dialect::connect);
  EXPECT_EQ(dialect_of(answered(404, "Not Found\n"), &failed), dialect::rest);
  EXPECT_EQ(
      dialect_of(answered(405, R"({"code":405,"message":"method POST is not allowed"})"), &failed),
      dialect::rest);
  const http::response untold[] = {
      answered(401, R"({"code":401,"message":"anonymous access not enabled"})"),
      answered(503, ""),
      answered(302, ""),
      answered(200, ""),
      answered(200, "<html>"),
      not_answered(http::outcome::unreachable),
  };
  for (const http::response& each : untold) EXPECT_FALSE(dialect_of(each, &failed)) << each.status;
  (void)dialect_of(untold[0], &failed);
  EXPECT_EQ(failed.cause, cause::unauthorized);
}

TEST(weaviate_about, nodes) {
  std::vector<node> nodes;
  const judgement judged = read_nodes(
      answered(200, R"({"nodes":[{"batchStats":{"queueLength":2,"ratePerSecond":30},"name":"node1",
        "operationalMode":"ReadWrite","shards":null,"status":"HEALTHY","version":"1.39.0"},
        {"name":"node2","status":"TIMEOUT","batchStats":null}]})"),
      &nodes);
  EXPECT_EQ(judged.verdict, verdict::done);
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].name, "node1");
  EXPECT_EQ(nodes[0].status, "HEALTHY");
  EXPECT_EQ(nodes[0].version, "1.39.0");
  EXPECT_EQ(nodes[0].operational_mode, "ReadWrite");
  EXPECT_EQ(nodes[0].queue_length, 2);
  EXPECT_EQ(nodes[0].rate_per_second, 30);
  EXPECT_EQ(nodes[1].status, "TIMEOUT");
  EXPECT_EQ(nodes[1].version, "");
  for (const char* body : {"{}", "[]", R"({"nodes":{}})", R"({"nodes":[1]})", "x"})
    EXPECT_EQ(read_nodes(answered(200, body), &nodes).verdict, verdict::retry) << body;
  EXPECT_EQ(read_nodes(answered(403, "{}"), &nodes).cause, cause::unauthorized);
}

TEST(weaviate_about, counts) {
  server target;
  target.url = "http://x";
  std::int64_t count = -1;
  const auto judged = [&](const char* body) {
    return read_count(target, answered(200, body), &count).verdict;
  };
  EXPECT_EQ(judged(R"({"took":0.0001,"singleResult":{"objectsCount":"16"}})"), verdict::done);
  EXPECT_EQ(count, 16);
  EXPECT_EQ(judged(R"({"took":0.0001,"singleResult":{}})"), verdict::done);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(judged("{}"), verdict::retry);
  EXPECT_EQ(count_request(target, "Doc", "t").body,
            R"({"collection":"Doc","objectsCount":true,"tenant":"t"})");
  target.dialect = dialect::rest;
  EXPECT_EQ(judged(R"({"data":{"Aggregate":{"Doc":[{"meta":{"count":7}}]}}})"), verdict::done);
  EXPECT_EQ(count, 7);
  EXPECT_EQ(judged(R"({"errors":[{"message":"tenant not found: \"t\""}]})"), verdict::pause);
  EXPECT_EQ(judged(R"({"data":{"Aggregate":{}}})"), verdict::retry);
  EXPECT_EQ(count_request(target, "Doc", "t").body,
            R"({"query":"{Aggregate{Doc(tenant:\"t\"){meta{count}}}}"})");
}

TEST(weaviate_about, tenants) {
  std::vector<tenant> tenants;
  EXPECT_EQ(read_tenants(answered(200, R"({"took":0.00008,"tenants":[
      {"name":"a","activityStatus":"TENANT_ACTIVITY_STATUS_HOT"},
      {"name":"c","activityStatus":"TENANT_ACTIVITY_STATUS_COLD"},{"name":"d"}]})"),
                         &tenants)
                .verdict,
            verdict::done);
  ASSERT_EQ(tenants.size(), 3U);
  EXPECT_TRUE(tenants[0].active);
  EXPECT_FALSE(tenants[1].active);
  EXPECT_TRUE(tenants[2].active);
  tenants.clear();
  EXPECT_EQ(read_tenants(answered(200, R"([{"activityStatus":"HOT","name":"a"},
      {"activityStatus":"COLD","name":"b"},{"activityStatus":"INACTIVE","name":"c"},
      {"activityStatus":"ACTIVE","name":"d"}])"),
                         &tenants)
                .verdict,
            verdict::done);
  ASSERT_EQ(tenants.size(), 4U);
  EXPECT_TRUE(tenants[0].active);
  EXPECT_FALSE(tenants[1].active);
  EXPECT_FALSE(tenants[2].active);
  EXPECT_TRUE(tenants[3].active);
  EXPECT_EQ(
      read_tenants(
          answered(
              500,
              R"({"code":"unknown","message":"get tenants: failed to execute query: could not get tenants: could not get tenants: class not found"})"),
          &tenants)
          .cause,
      cause::missing_collection);
}

}  // namespace
}  // namespace stash::weaviate
