// The filter of a search: what is parsed, and the SQL that it becomes.
#include "vector/filter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vector/filter_sql.hpp"

namespace {

using stash::vectors::column_class;
using stash::vectors::comparison;
using stash::vectors::filter_column;
using stash::vectors::filter_error;
using stash::vectors::filter_node;
using stash::vectors::filter_predicate;
using stash::vectors::filter_value;
using stash::vectors::json_of;
using stash::vectors::parse_filter;

TEST(filter_test, a_bare_value_means_equal) {
  const filter_node all = parse_filter(R"({"lang": "en", "year": 2020})");
  ASSERT_EQ(all.is, filter_node::kind::all_of);
  ASSERT_EQ(all.parts.size(), 2U);
  EXPECT_EQ(all.parts[0].property, "lang");
  EXPECT_EQ(all.parts[0].how, comparison::equal);
  EXPECT_EQ(all.parts[0].values[0].text, "en");
  EXPECT_EQ(all.parts[1].values[0].is, filter_value::kind::number);
}

TEST(filter_test, numbers_keep_their_digits) {
  for (const std::string digits :
       {"9007199254740993", "-1", "18446744073709551615", "0.10000000000000000000000001", "1e10",
        "123456789012345678901234567890"}) {
    const filter_node all = parse_filter(R"({"n": )" + digits + "}");
    EXPECT_EQ(all.parts[0].values[0].text, digits);
    EXPECT_EQ(json_of(all.parts[0].values[0]), digits);
  }
  const filter_node all = parse_filter(R"({"m": {"contains": {"a": [1.50, "x\"y", null, {}]}}})");
  EXPECT_EQ(all.parts[0].json, R"({"a":[1.50,"x\"y",null,{}]})");
}

TEST(filter_test, operators_of_one_property_are_parts_of_their_own) {
  const filter_node all = parse_filter(R"({"year": {"gte": 2010, "lt": 2020}})");
  ASSERT_EQ(all.parts.size(), 2U);
  EXPECT_EQ(all.parts[0].how, comparison::greater_equal);
  EXPECT_EQ(all.parts[1].how, comparison::less);
  EXPECT_EQ(parse_filter(R"({"t": ["a"]})").parts[0].how, comparison::contains_all);
}

TEST(filter_test, logic) {
  const filter_node all =
      parse_filter(R"({"and": [{"a": 1}], "or": [{"b": 1}, {"c": 1}], "not": {"d": 1}})");
  ASSERT_EQ(all.parts.size(), 3U);
  EXPECT_EQ(all.parts[0].is, filter_node::kind::all_of);
  EXPECT_EQ(all.parts[1].is, filter_node::kind::none_of);
  EXPECT_EQ(all.parts[2].is, filter_node::kind::any_of);
  EXPECT_EQ(all.parts[2].parts.size(), 2U);
  EXPECT_TRUE(parse_filter("{}").parts.empty());
}

filter_error::reason why_refused(const std::string& json) {
  try {
    (void)parse_filter(json);
  } catch (const filter_error& error) {
    return error.why();
  }
  ADD_FAILURE() << "was not refused: " << json;
  return {};
}

TEST(filter_test, refusals) {
  for (const char* json : {"",
                           "{",
                           "[]",
                           "1",
                           "null",
                           R"({"a": 1} x)",
                           R"({"a": {}})",
                           R"({"a": {"like": 1}})",
                           R"({"a": {"in": 1}})",
                           R"({"a": {"eq": []}})",
                           R"({"a": {"gt": null}})",
                           R"({"a": {"lt": false}})",
                           R"({"a": [null]})",
                           R"({"a": [[1]]})",
                           R"({"and": 1})",
                           R"({"or": {}})",
                           R"({"not": []})",
                           R"({"": 1})",
                           R"({"a": 1e999})",
                           "{\"a\": \"\xFF\"}"})
    EXPECT_EQ(why_refused(json), filter_error::reason::malformed) << json;
  std::string deep = R"({"a": 1})";
  for (int i = 0; i < 31; i++) deep = R"({"not": )" + deep + "}";
  EXPECT_NO_THROW(parse_filter(deep));
  EXPECT_EQ(why_refused(R"({"not": )" + deep + "}"), filter_error::reason::too_large);
}

class filter_sql_test : public testing::Test {
 protected:
  std::string sql(const std::string& json) {
    static constexpr filter_column columns[] = {
        {"lang", "t.lang", "pg_catalog.text", column_class::text, false},
        {"year", "t.year", "integer", column_class::exact_number, false},
        {"tags", "t.tags", "pg_catalog.text", column_class::text, true},
        {"meta", "t.meta", "jsonb", column_class::json, false},
    };
    parameters_.clear();
    return filter_predicate(parse_filter(json), columns, parameters_);
  }
  std::vector<std::string> parameters_;
};

TEST_F(filter_sql_test, values_are_parameters) {
  EXPECT_EQ(sql(R"({"lang": "'; DROP TABLE doc"})"),
            "(t.lang OPERATOR(pg_catalog.=) CAST(($1)[1] AS pg_catalog.text))");
  EXPECT_EQ(parameters_, (std::vector<std::string>{"'; DROP TABLE doc"}));
  sql(R"({"meta.x'y.z": {"contains": {"k'": 1}}})");
  EXPECT_EQ(parameters_, (std::vector<std::string>{"x'y", "z", R"({"k'":1})"}));
}

TEST_F(filter_sql_test, what_is_not_there) {
  EXPECT_EQ(sql(R"({"lang": null})"), "(t.lang IS NULL)");
  EXPECT_EQ(sql(R"({"not": {"lang": "en"}})"),
            "((((t.lang OPERATOR(pg_catalog.=) CAST(($1)[1] AS pg_catalog.text)))) IS NOT TRUE)");
  EXPECT_EQ(sql("{}"), "true");
  EXPECT_EQ(sql(R"({"or": []})"), "(false)");
}

TEST_F(filter_sql_test, refusals) {
  const auto why = [&](const std::string& json) {
    try {
      sql(json);
    } catch (const filter_error& error) {
      return error.why();
    }
    return filter_error::reason::malformed;
  };
  EXPECT_EQ(why(R"({"other": 1})"), filter_error::reason::unknown);
  EXPECT_EQ(why(R"({"lang": 1})"), filter_error::reason::mismatched);
  EXPECT_EQ(why(R"({"year": "1"})"), filter_error::reason::mismatched);
  EXPECT_EQ(why(R"({"lang.x": 1})"), filter_error::reason::mismatched);
  EXPECT_EQ(why(R"({"tags": {"lt": "a"}})"), filter_error::reason::mismatched);
  EXPECT_EQ(why(R"({"tags": {"contains": 1}})"), filter_error::reason::mismatched);
}

}  // namespace
