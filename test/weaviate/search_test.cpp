// Searching a real server, in both dialects, and what it says about itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "live_server.hpp"
#include "weaviate/about.hpp"
#include "weaviate/batch.hpp"
#include "weaviate/search.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

uuid numbered(int number) {
  uuid id{{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

// Objects 1 to 10 with vectors (number, 1, 0); odd ones are English; 10 has nothing but a title.
class live_searches : public testing::TestWithParam<dialect> {
 protected:
  live_server live;
  std::string name;

  void SetUp() override {
    live.server().dialect = GetParam();
    name = live.new_name("Searches");
    const json definition{
        {"class", name},
        {"vectorizer", "none"},
        {"vectorIndexConfig", {{"distance", "cosine"}}},
        {"properties",
         {{{"name", "title"}, {"dataType", {"text"}}},
          {{"name", "lang"}, {"dataType", {"text"}}, {"tokenization", "field"}},
          {{"name", "n"}, {"dataType", {"int"}}},
          {{"name", "tags"}, {"dataType", {"text[]"}}, {"tokenization", "field"}}}}};
    ASSERT_EQ(live.call(rest_call(live.server(), http::method::post, "/schema", definition.dump()))
                  .status,
              200);
    upsert_batch batch(live.server());
    for (int i = 1; i <= 10; i++) add(&batch, i);
    ASSERT_TRUE(batch.read(live.call(batch.take_request())).faults.empty());
  }

  void add(upsert_batch* batch, int number) const {
    const std::string title = "hello world " + std::to_string(number);
    const std::array<std::string_view, 2> tags{"all of them", number % 2 == 1 ? "odd" : "even"};
    std::array<property, 4> properties;
    properties[0].name = "title";
    properties[0].text = title;
    properties[1].name = "lang";
    properties[1].text = number % 2 == 1 ? "en" : "de";
    properties[2].name = "n";
    properties[2].type = property_type::integer;
    properties[2].integer = number;
    properties[3].name = "tags";
    properties[3].type = property_type::text_array;
    properties[3].texts = tags;
    const std::array values{static_cast<float>(number), 1.0F, 0.0F};
    const named_vector vector{"", values};
    const std::size_t has = number == 10 ? 1 : properties.size();
    batch->add({name, "", numbered(number), std::span(properties).first(has), {&vector, 1}});
  }

  search_result search(const search_query& query) {
    return read_search(live.server(), live.call(search_request(live.server(), query)));
  }

  // What it is given must outlive it.
  search_query nearest(std::span<const float> vector, int limit,
                       std::span<const std::string> properties = {}) const {
    search_query query;
    query.collection = name;
    query.vector = vector;
    query.limit = limit;
    query.properties = properties;
    return query;
  }

  // The numbers of all objects that a filter lets through, in order.
  std::vector<int> matching(const condition& filter) {
    const std::array vector{1.0F, 1.0F, 0.0F};
    search_query query = nearest(vector, 100);
    query.filter = &filter;
    const search_result result = search(query);
    EXPECT_EQ(result.failed.verdict, verdict::done) << result.failed.message;
    std::vector<int> numbers;
    for (const search_hit& hit : result.hits) numbers.push_back(hit.id.bytes[15]);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
};

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

TEST_P(live_searches, texts_alone_come_back_as_in_the_longer_form) {
  const std::array vector{3.0F, 1.0F, 0.0F};
  const std::vector<std::string> properties{"title", "lang"};
  search_query query = nearest(vector, 4, properties);
  query.max_distance = 0.05;
  const search_result longer = search(query);
  query.texts_only = true;
  const search_result shorter = search(query);
  ASSERT_EQ(shorter.failed.verdict, verdict::done) << shorter.failed.message;
  ASSERT_EQ(shorter.hits.size(), 4U);
  ASSERT_EQ(longer.hits.size(), 4U);
  for (std::size_t i = 0; i < 4; i++) {
    EXPECT_EQ(shorter.hits[i].id, longer.hits[i].id);
    EXPECT_NEAR(shorter.hits[i].distance.value(), longer.hits[i].distance.value(), 1e-6);
    EXPECT_EQ(json::parse(shorter.hits[i].properties), json::parse(longer.hits[i].properties));
  }
  if (GetParam() == dialect::rest) return;
  // Errors are JSON in either form.
  const std::string missing = name + "X";
  query.collection = missing;
  EXPECT_EQ(search(query).failed.cause, cause::missing_collection);
}

TEST_P(live_searches, the_nearest_come_first_with_their_distances) {
  const std::array vector{3.0F, 1.0F, 0.0F};
  const std::vector<std::string> properties{"n", "tags"};
  search_query query = nearest(vector, 3, properties);
  search_result result = search(query);
  ASSERT_EQ(result.failed.verdict, verdict::done) << result.failed.message;
  ASSERT_EQ(result.hits.size(), 3U);
  EXPECT_EQ(result.hits[0].id, numbered(3));
  EXPECT_NEAR(result.hits[0].distance.value(), 0, 1e-6);
  EXPECT_EQ(json::parse(result.hits[0].properties),
            json::parse(R"({"n":3,"tags":["all of them","odd"]})"));
  EXPECT_LE(result.hits[1].distance.value(), result.hits[2].distance.value());
  EXPECT_FALSE(result.hits[0].score);
  query.max_distance = 1e-4;
  result = search(query);
  ASSERT_EQ(result.hits.size(), 1U);
  query.collection = "Nowhere";
  EXPECT_NE(search(query).failed.verdict, verdict::done);
}

TEST_P(live_searches, words_and_vectors) {
  const std::array vector{1.0F, 1.0F, 0.0F};
  search_query query;
  query.collection = name;
  query.words = "world 7";
  query.limit = 2;
  search_result result = search(query);
  ASSERT_EQ(result.failed.verdict, verdict::done) << result.failed.message;
  ASSERT_EQ(result.hits.size(), 2U);
  EXPECT_EQ(result.hits[0].id, numbered(7));
  EXPECT_GT(result.hits[0].score.value(), result.hits[1].score.value());
  EXPECT_FALSE(result.hits[0].distance);
  query.vector = vector;
  query.alpha = 1;
  EXPECT_EQ(search(query).hits.at(0).id, numbered(1));
  query.alpha = 0;
  EXPECT_EQ(search(query).hits.at(0).id, numbered(7));
  query.alpha = 0.5;
  query.words = "\"quotes\" \\ {braces} é";
  EXPECT_EQ(search(query).failed.verdict, verdict::done);
}

TEST_P(live_searches, a_vector_of_another_length_is_no_passing_trouble) {
  const std::array vector{1.0F, 1.0F};
  search_query query;
  query.collection = name;
  query.vector = vector;
  const search_result result = search(query);
  EXPECT_EQ(result.failed.cause, cause::object) << result.failed.message;
}

TEST_P(live_searches, filters) {
  const condition english = compare("lang", match::equal, value_kind::text, {"en"});
  const condition late = compare("n", match::greater, value_kind::integer, {"5"});
  EXPECT_EQ(matching(english), (std::vector<int>{1, 3, 5, 7, 9}));
  EXPECT_EQ(matching(compare("lang", match::not_equal, value_kind::text, {"en"})),
            (std::vector<int>{2, 4, 6, 8, 10}));
  EXPECT_EQ(matching(late), (std::vector<int>{6, 7, 8, 9}));
  EXPECT_EQ(matching(compare("n", match::less_equal, value_kind::integer, {"2"})),
            (std::vector<int>{1, 2}));
  EXPECT_EQ(matching(compare("n", match::contains_any, value_kind::integer, {"2", "4", "77"})),
            (std::vector<int>{2, 4}));
  EXPECT_EQ(
      matching(compare("tags", match::contains_all, value_kind::text, {"odd", "all of them"})),
      (std::vector<int>{1, 3, 5, 7, 9}));
  EXPECT_EQ(matching(compare("tags", match::contains_any, value_kind::text, {"even", "x"})),
            (std::vector<int>{2, 4, 6, 8}));
  EXPECT_EQ(matching(compare("_id", match::equal, value_kind::text, {to_string(numbered(4))})),
            (std::vector<int>{4}));
  EXPECT_EQ(matching(group(condition::kind::all_of, {english, late})), (std::vector<int>{7, 9}));
  EXPECT_EQ(matching(group(condition::kind::any_of, {english, late})),
            (std::vector<int>{1, 3, 5, 6, 7, 8, 9}));
  if (GetParam() == dialect::connect) {
    EXPECT_EQ(matching(group(condition::kind::none_of, {english, late})),
              (std::vector<int>{2, 4, 10}));
    EXPECT_EQ(matching(group(condition::kind::none_of, {group(condition::kind::none_of, {late})})),
              (std::vector<int>{6, 7, 8, 9}));
  }
}

TEST_P(live_searches, pages) {
  page_query query;
  query.collection = name;
  query.limit = 4;
  std::vector<int> numbers;
  for (;;) {
    const search_result page =
        read_page(live.server(), query, live.call(page_request(live.server(), query)));
    ASSERT_EQ(page.failed.verdict, verdict::done) << page.failed.message;
    for (const search_hit& hit : page.hits) numbers.push_back(hit.id.bytes[15]);
    if (page.hits.size() < 4) break;
    query.after = page.hits.back().id;
  }
  EXPECT_EQ(numbers, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_P(live_searches, objects_by_their_ids) {
  const std::array ids{numbered(3), numbered(10), numbered(99)};
  const std::array names{std::string("title"), std::string("n")};
  fetch_query query;
  query.collection = name;
  query.ids = ids;
  query.properties = names;
  const search_result found =
      read_search(live.server(), live.call(fetch_request(live.server(), query)));
  ASSERT_EQ(found.failed.verdict, verdict::done) << found.failed.message;
  ASSERT_EQ(found.hits.size(), 2U);
  const search_hit& third = found.hits[found.hits[0].id == ids[0] ? 0 : 1];
  EXPECT_EQ(third.id, ids[0]);
  EXPECT_EQ(third.vector, (std::vector<float>{3, 1, 0}));
  EXPECT_EQ(json::parse(third.properties), (json{{"title", "hello world 3"}, {"n", 3}}));
  EXPECT_FALSE(third.updated.empty());
}

TEST_P(live_searches, what_a_server_says_of_itself) {
  judgement failed;
  EXPECT_EQ(dialect_of(live.call(probe_request(live.server())), &failed), dialect::connect);
  EXPECT_EQ(version_of(live.call(meta_request(live.server()))).substr(0, 2), "1.");
  std::vector<node> nodes;
  EXPECT_EQ(read_nodes(live.call(nodes_request(live.server())), &nodes).verdict, verdict::done);
  ASSERT_FALSE(nodes.empty());
  EXPECT_EQ(nodes[0].status, "HEALTHY");
  std::vector<tenant> tenants;
  EXPECT_NE(read_tenants(live.call(tenants_request(live.server(), name)), &tenants).verdict,
            verdict::done);
}

INSTANTIATE_TEST_SUITE_P(dialects, live_searches, testing::Values(dialect::connect, dialect::rest),
                         [](const auto& each) {
                           return each.param == dialect::connect ? "connect" : "rest";
                         });

}  // namespace
}  // namespace stash::weaviate
