// A Weaviate collection as a synchronised table wants it: how it is made, and whether one that is
// there fits.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stash {

struct collection_wish {
  std::string name;
  std::vector<std::string> vectors;  // one empty name: the unnamed vector
  std::vector<std::pair<std::string, std::string>> properties;  // name, type
  std::string distance;
  std::string index;
  int replication_factor = 1;
  bool tenants = false;
};

// The body of POST /v1/schema.
std::string collection_definition(const collection_wish& wish);

// What differs, for people, of an answer to GET /v1/schema/NAME; empty: it fits. More properties
// than wished for are fine.
std::string collection_differences(const collection_wish& wish, std::string_view schema);

}  // namespace stash
