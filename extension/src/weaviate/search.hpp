// Asking a collection: the nearest vectors, the best words, or both together; and all of its
// objects, a page at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weaviate/condition.hpp"
#include "weaviate/errors.hpp"
#include "weaviate/server.hpp"

namespace stash::weaviate {

struct search_query {
  std::string_view collection;
  std::string_view tenant;
  std::string_view vector_name;   // empty: the collection's only, unnamed vector
  std::span<const float> vector;  // empty: words alone
  std::string_view words;         // empty: the vector alone
  double alpha = 0.5;             // of both: 1 is the vector alone, 0 the words alone
  int limit = 10;                 // servers refuse more than 10,000 unless they are told otherwise
  // Of the vector alone; a search by words does not know distances.
  std::optional<double> max_distance;
  const condition* filter = nullptr;
  // Which properties come back.
  std::span<const std::string> properties;
  // All of these are texts: others would be left out.
  bool texts_only = false;
};

struct search_hit {
  uuid id;
  std::optional<double> distance;  // of a search by the vector alone
  std::optional<double> score;     // of a search with words: 0 to 1, the more the better
  std::string properties;          // a JSON object; those without a value are left out
  std::vector<float> vector;       // the unnamed one, or a page's, when it was asked for
  // Of fetched objects: their named vectors, those that they have, and when they were written.
  std::vector<std::pair<std::string, std::vector<float>>> named;
  std::string updated;
};

struct search_result {
  judgement failed;  // done: the hits are all there
  std::vector<search_hit> hits;
};

http::request search_request(const server& server, const search_query& query);

// In the server's order: the nearest, or the best, first.
search_result read_search(const server& server, const http::response& answer);

// All objects of a collection and tenant, in the order of their ids: those behind `after`.
struct page_query {
  std::string_view collection;
  std::string_view tenant;
  std::optional<uuid> after;
  int limit = 1000;
  std::span<const std::string> properties;
  bool with_vector = false;      // of the name
  std::string_view vector_name;  // empty: the unnamed one
};

http::request page_request(const server& server, const page_query& query);

// Objects by their ids, with all that is known of them; those that are not there are left out.
struct fetch_query {
  std::string_view collection;
  std::string_view tenant;
  std::span<const uuid> ids;  // at least one, at most 10,000
  std::span<const std::string> properties;
  std::span<const std::string> vector_names;  // empty: the unnamed one
};

// Its answer is for read_search; the objects come in no order.
http::request fetch_request(const server& server, const fetch_query& query);

// Fewer hits than asked for: the last page.
search_result read_page(const server& server, const page_query& query,
                        const http::response& answer);

}  // namespace stash::weaviate
