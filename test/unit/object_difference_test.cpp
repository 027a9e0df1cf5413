// What of an object is unlike its row.
#include "vector/object_difference.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace stash {
namespace {

using weaviate::property;
using weaviate::property_type;

class differences : public testing::Test {
 protected:
  std::array<float, 2> numbers{1.5F, -0.1F};
  std::array<weaviate::named_vector, 1> vectors{{{"", numbers}}};
  std::array<std::string_view, 2> tags{"a", "b"};
  std::array<property, 5> properties;
  weaviate::object object;
  weaviate::search_hit hit;
  std::vector<std::string> names{"title", "n", "at", "tags", "ok"};
  std::vector<std::string> unnamed{""};

  differences() {
    properties[0].name = "title";
    properties[0].text = "hello";
    properties[1].name = "n";
    properties[1].type = property_type::integer;
    properties[1].integer = 7;
    properties[2].name = "at";
    properties[2].type = property_type::date;
    properties[2].text = "2024-01-02T03:04:05.120000+00:00";
    properties[3].name = "tags";
    properties[3].type = property_type::text_array;
    properties[3].texts = tags;
    properties[4].name = "ok";
    properties[4].type = property_type::boolean;
    properties[4].boolean = true;
    object.properties = properties;
    object.vectors = vectors;
    hit.vector = {1.5F, -0.1F};
    hit.properties =
        R"({"title":"hello","n":7.0,"at":"2024-01-02T03:04:05.12Z","tags":["a","b"],"ok":true,"more":1})";
  }

  std::string difference() { return difference_of(image_of_object(object), hit, names, unnamed); }
};

TEST_F(differences, none) { EXPECT_EQ(difference(), ""); }

TEST_F(differences, a_vector) {
  hit.vector[1] = std::nextafter(hit.vector[1], 0.0F);
  EXPECT_EQ(difference(), "vector");
  hit.vector.clear();
  EXPECT_EQ(difference(), "vector");
  hit.vector = {1.5F, -0.1F, 0.0F};
  EXPECT_EQ(difference(), "vector");
}

TEST_F(differences, properties_of_every_kind) {
  hit.properties =
      R"({"title":"Hello","n":8,"at":"2024-01-02T03:04:05.13Z","tags":["b","a"],"ok":false})";
  EXPECT_EQ(difference(),
            R"(property "title", property "n", property "at", property "tags", property "ok")");
  hit.properties = "{}";
  EXPECT_EQ(difference(),
            R"(property "title", property "n", property "at", property "tags", property "ok")");
  hit.properties = "nonsense";
  EXPECT_NE(difference(), "");
}

TEST_F(differences, values_that_the_row_does_not_have) {
  object.properties = std::span<const property>(properties).first(1);
  EXPECT_EQ(difference(), R"(property "n", property "at", property "tags", property "ok")");
}

TEST_F(differences, an_empty_list_is_none) {
  properties[3].texts = {};
  hit.properties = R"({"title":"hello","n":7,"at":"2024-01-02T03:04:05.12Z","ok":true})";
  EXPECT_EQ(difference(), "");
}

TEST_F(differences, a_text_is_no_date) {
  properties[0].text = "1.50Z";
  hit.properties =
      R"({"title":"1.5Z","n":7,"at":"2024-01-02T03:04:05.12Z","tags":["a","b"],"ok":true})";
  EXPECT_EQ(difference(), R"(property "title")");
}

TEST_F(differences, named_vectors) {
  const std::array<weaviate::named_vector, 2> two{{{"one", numbers}, {"two", numbers}}};
  object.vectors = two;
  const std::vector<std::string> both{"one", "two"};
  hit.vector.clear();
  hit.named = {{"two", {1.5F, -0.1F}}, {"one", {1.5F, -0.1F}}};
  EXPECT_EQ(difference_of(image_of_object(object), hit, names, both), "");
  hit.named.pop_back();
  EXPECT_EQ(difference_of(image_of_object(object), hit, names, both), R"(vector "one")");
  object.vectors = std::span<const weaviate::named_vector>(two).last(1);
  EXPECT_EQ(difference_of(image_of_object(object), hit, names, both), "");
}

TEST_F(differences, the_same_object) {
  weaviate::search_hit other = hit;
  EXPECT_TRUE(same_object(hit, other));
  other.updated = "2";
  EXPECT_FALSE(same_object(hit, other));
  other = hit;
  other.vector[0] = 2;
  EXPECT_FALSE(same_object(hit, other));
  other = hit;
  other.named = {{"one", {1}}};
  EXPECT_FALSE(same_object(hit, other));
}

}  // namespace
}  // namespace stash
