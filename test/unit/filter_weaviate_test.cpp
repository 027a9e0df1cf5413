// Filters in Weaviate's terms: exact, or wider, never narrower.
#include "vector/filter_weaviate.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stash::vectors {
namespace {

constexpr indexed_property properties[] = {
    {"lang", "lang", "text"},          {"Year", "year", "int"},     {"price", "price", "number"},
    {"sold", "sold", "boolean"},       {"made", "made", "date"},    {"owner", "owner", "uuid"},
    {"tags", "tags", "text[]"},        {"sizes", "sizes", "int[]"}, {"owners", "owners", "uuid[]"},
    {"weights", "weights", "number[]"}};

weaviate_filter translated(const char* filter, bool knows_not = true) {
  return filter_for_weaviate(parse_filter(filter), properties, knows_not);
}

// "everything", "nothing", or the condition as GraphQL would have it; "~" before one that is wider.
std::string shown(const weaviate_filter& filter) {
  const std::string exact = filter.exact ? "" : "~";
  if (filter.is == weaviate_filter::result::everything) return exact + "everything";
  if (filter.is == weaviate_filter::result::nothing) return exact + "nothing";
  const std::string text = weaviate::graphql_filter(filter.condition);
  const bool negated = filter.condition.is == weaviate::condition::kind::none_of;
  return exact + (negated ? "not " : "") + text;
}

std::string shown(const char* filter, bool knows_not = true) {
  return shown(translated(filter, knows_not));
}

std::string one(const char* name, const char* how, const char* value) {
  return std::string("{path:[\"") + name + "\"],operator:" + how + "," + value + "}";
}

TEST(filter_weaviate, what_weaviate_compares_as_postgresql_does) {
  EXPECT_EQ(shown("{}"), "everything");
  EXPECT_EQ(shown(R"({"Year": 2020})"), one("year", "Equal", "valueInt:2020"));
  EXPECT_EQ(shown(R"({"Year": {"lt": 2020}})"), one("year", "LessThan", "valueInt:2020"));
  EXPECT_EQ(shown(R"({"Year": {"gte": -3}})"), one("year", "GreaterThanEqual", "valueInt:-3"));
  EXPECT_EQ(shown(R"({"sold": true})"), one("sold", "Equal", "valueBoolean:true"));
  EXPECT_EQ(shown(R"({"owner": "ABCDEF00-0000-4000-8000-0000000000AA"})"),
            one("owner", "Equal", "valueText:\"abcdef00-0000-4000-8000-0000000000aa\""));
  EXPECT_EQ(shown(R"({"Year": {"in": [1, 2]}})"), "{operator:Or,operands:[" +
                                                      one("year", "Equal", "valueInt:1") + "," +
                                                      one("year", "Equal", "valueInt:2") + "]}");
  EXPECT_EQ(shown(R"({"sizes": {"contains_all": [1, 2]}})"),
            "{operator:And,operands:[" + one("sizes", "Equal", "valueInt:1") + "," +
                one("sizes", "Equal", "valueInt:2") + "]}");
  EXPECT_EQ(shown(R"({"Year": {"ne": 1}})"),
            "not {operator:Or,operands:[" + one("year", "Equal", "valueInt:1") + "]}");
}

TEST(filter_weaviate, whole_numbers_and_others) {
  EXPECT_EQ(shown(R"({"Year": 5.5})"), "nothing");
  EXPECT_EQ(shown(R"({"Year": {"ne": 5.5}})"), "everything");
  EXPECT_EQ(shown(R"({"Year": 5.0})"), one("year", "Equal", "valueInt:5"));
  EXPECT_EQ(shown(R"({"Year": {"lt": 5.5}})"), one("year", "LessThanEqual", "valueInt:5"));
  EXPECT_EQ(shown(R"({"Year": {"lte": -5.5}})"), one("year", "LessThanEqual", "valueInt:-6"));
  EXPECT_EQ(shown(R"({"Year": {"gt": 5.5}})"), one("year", "GreaterThanEqual", "valueInt:6"));
  EXPECT_EQ(shown(R"({"Year": 9007199254740993})"), "~everything");
  EXPECT_EQ(shown(R"({"Year": {"ne": 9007199254740993}})"), "~everything");
}

TEST(filter_weaviate, rounded_numbers_get_room) {
  const weaviate_filter filter = translated(R"({"price": 1000})");
  EXPECT_FALSE(filter.exact);
  ASSERT_EQ(filter.condition.parts.size(), 2U);
  EXPECT_EQ(filter.condition.parts[0].how, weaviate::match::less_equal);
  EXPECT_NEAR(std::stod(filter.condition.parts[0].values[0]), 1000.001, 1e-9);
  EXPECT_NEAR(std::stod(filter.condition.parts[1].values[0]), 999.999, 1e-9);
  // Every real that is next to 0.1 as PostgreSQL rounds it lies within.
  const weaviate_filter tenth = translated(R"({"weights": {"contains_any": [0.1]}})");
  EXPECT_GE(std::stod(tenth.condition.parts[0].values[0]), static_cast<double>(0.1F));
  EXPECT_LE(std::stod(tenth.condition.parts[1].values[0]), static_cast<double>(0.1F));
  EXPECT_EQ(shown(R"({"not": {"price": 1000}})"), "~everything");
  EXPECT_EQ(shown(R"({"price": {"lt": 1e308}})").substr(0, 2), "~{");
  EXPECT_EQ(shown(R"({"price": {"lt": 1.7976931348623157e308}})"), "~everything");
}

TEST(filter_weaviate, texts_are_the_same_words) {
  EXPECT_EQ(shown(R"({"lang": "en"})"), "~" + one("lang", "Equal", "valueText:\"en\""));
  EXPECT_EQ(shown(R"({"lang": "the Old house"})"),
            "~" + one("lang", "Equal", "valueText:\"the Old house\""));
  // Words that servers skip, no words, and what jsonb writes in another way.
  for (const char* value : {"it", "It IS", "", "?!", "über", "a\\nb", "say \\\"x\\\"", "a\\\\b"})
    EXPECT_EQ(shown(("{\"lang\": \"" + std::string(value) + "\"}").c_str()), "~everything")
        << value;
  EXPECT_EQ(shown(R"({"lang": {"gt": "en"}})"), "~everything");
  EXPECT_EQ(shown(R"({"lang": {"ne": "en"}})"), "~everything");
  EXPECT_EQ(shown(R"({"not": {"lang": "en"}})"), "~everything");
  EXPECT_EQ(shown(R"({"not": {"not": {"lang": "en"}}})").substr(0, 4), "~not");
  EXPECT_EQ(shown(R"({"tags": ["red", "it"]})"), "~" + one("tags", "Equal", "valueText:\"red\""));
  EXPECT_EQ(shown(R"({"tags": {"contains_any": ["red", "it"]}})"), "~everything");
  EXPECT_EQ(shown(R"({"lang": 5})"), "~everything");
}

TEST(filter_weaviate, dates_have_a_day_to_spare) {
  const std::string from = one("made", "GreaterThanEqual", "valueText:\"2023-12-31T00:00:00Z\"");
  const std::string to = one("made", "LessThanEqual", "valueText:\"2024-01-03T00:00:00Z\"");
  EXPECT_EQ(shown(R"({"made": {"gte": "2024-01-01"}})"), "~" + from);
  EXPECT_EQ(shown(R"({"made": {"lt": "2024-01-01T23:59:59.9-14:00"}})"), "~" + to);
  EXPECT_EQ(shown(R"({"made": "2024-01-01 12:00:00+05:30"})"),
            "~{operator:And,operands:[" + to + "," + from + "]}");
  for (const char* value : {"yesterday", "2024-1-1", "01/02/2024", "2024-02-30", "2024-01-01 BC",
                            "0001-01-01", "9999-12-31", "infinity", "12024-01-01"})
    EXPECT_EQ(shown(("{\"made\": {\"gt\": \"" + std::string(value) + "\"}}").c_str()),
              "~everything")
        << value;
}

TEST(filter_weaviate, what_is_not_known_there_is_left_to_postgresql) {
  EXPECT_EQ(shown(R"({"other": 1})"), "~everything");
  EXPECT_EQ(shown(R"({"not": {"other": 1}})"), "~everything");
  EXPECT_EQ(shown(R"({"other": {"contains": {"a": 1}}})"), "~everything");
  EXPECT_EQ(shown(R"({"Year": null})"), "~everything");
  EXPECT_EQ(shown(R"({"Year": {"ne": null}})"), "~everything");
  EXPECT_EQ(shown(R"({"Year": [1]})"), "~everything");
  EXPECT_EQ(shown(R"({"sizes": 1})"), "~everything");
  // What is known beside it still narrows the search.
  EXPECT_EQ(shown(R"({"other": 1, "Year": 1})"), "~" + one("year", "Equal", "valueInt:1"));
  EXPECT_EQ(shown(R"({"or": [{"other": 1}, {"Year": 1}]})"), "~everything");
  EXPECT_EQ(shown(R"({"not": {"or": [{"other": 1}, {"Year": 1}]}})"),
            "~not {operator:Or,operands:[" + one("year", "Equal", "valueInt:1") + "]}");
  EXPECT_EQ(shown(R"({"not": {"other": 1, "Year": 1}})"), "~everything");
}

TEST(filter_weaviate, constants_fold) {
  EXPECT_EQ(shown(R"({"or": []})"), "nothing");
  EXPECT_EQ(shown(R"({"and": []})"), "everything");
  EXPECT_EQ(shown(R"({"not": {}})"), "nothing");
  EXPECT_EQ(shown(R"({"Year": {"in": []}})"), "nothing");
  EXPECT_EQ(shown(R"({"sizes": {"contains_all": []}})"), "everything");
  EXPECT_EQ(shown(R"({"Year": {"in": [5.5, 7]}})"), one("year", "Equal", "valueInt:7"));
  EXPECT_EQ(shown(R"({"or": [{}, {"Year": 1}]})"), "everything");
  EXPECT_EQ(shown(R"({"other": 1, "or": []})"), "nothing");
}

TEST(filter_weaviate, a_dialect_without_not) {
  EXPECT_EQ(shown(R"({"not": {"Year": 1}})", false), "~everything");
  EXPECT_EQ(shown(R"({"Year": {"ne": 1}, "sold": true})", false),
            "~" + one("sold", "Equal", "valueBoolean:true"));
  EXPECT_EQ(shown(R"({"not": {"not": {"Year": 1}}})", false), "~everything");
  EXPECT_FALSE(weaviate::has_none_of(
      translated(R"({"or": [{"not": {"Year": 1}, "sold": true}, {"Year": 2}]})", false).condition));
}

}  // namespace
}  // namespace stash::vectors
