// The search that is asked most, in the form that costs the server least: the nearest vectors, with
// nothing but texts to come back, as Protocol Buffers. In JSON the server would parse it, write it
// anew as Protocol Buffers and read that again, and do the same with each hit on its way back: a
// seventh of the time of a search for ten.
#pragma once

#include "weaviate/search.hpp"

namespace stash::weaviate::protobuf {

// No words and no filter.
bool can_tell(const search_query& query);

http::request search_request(const server& server, const search_query& query);

// A reply that is there; nothing when it is not what was expected.
std::optional<std::vector<search_hit>> read_hits(std::string_view reply);

}  // namespace stash::weaviate::protobuf
