// What a row should be in Weaviate, and what of an object is unlike it. Core: no PostgreSQL.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "weaviate/object.hpp"
#include "weaviate/search.hpp"

namespace stash {

// An object as its row says: copied, so that it outlives the row.
struct row_image {
  // By name; empty: the unnamed one. Those that the row has.
  std::vector<std::pair<std::string, std::vector<float>>> vectors;
  nlohmann::json properties = nlohmann::json::object();
};

/// Copies what would be sent. O(size).
row_image image_of_object(const weaviate::object& object);

/// What of an object is not as its row says, for people: `vector, property "title"`; empty when all
/// is. Properties that the row does not know are nobody's business; an empty list is the same as
/// none, for that is what comes back. Vectors are compared bit by bit. O(size).
std::string difference_of(const row_image& row, const weaviate::search_hit& object,
                          const std::vector<std::string>& property_names,
                          const std::vector<std::string>& vector_names);

/// Whether two looks at an object saw the same one, unchanged.
bool same_object(const weaviate::search_hit& one, const weaviate::search_hit& two);

}  // namespace stash
