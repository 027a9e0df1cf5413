// What a server says about itself: whether it is there, its version and dialect, its nodes, how
// many objects a collection has, and its tenants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weaviate/errors.hpp"
#include "weaviate/server.hpp"

namespace stash::weaviate {

// GET /v1/.well-known/ready: 200 or 503; needs no key.
http::request ready_request(const server& server);
// GET /v1/meta; needs the key.
http::request meta_request(const server& server);
// The version in its answer; empty when there is none.
std::string version_of(const http::response& answer);

// A call that only a server answers that speaks Connect: an empty batch, which changes nothing.
http::request probe_request(const server& server);
// Which dialect the server speaks; nothing when the answer does not tell (no network, no key): what
// went wrong is in *failed.
std::optional<dialect> dialect_of(const http::response& answer, judgement* failed);

struct node {
  std::string name;
  std::string status;  // HEALTHY, UNHEALTHY, UNAVAILABLE, TIMEOUT
  std::string version;
  std::string operational_mode;  // ReadWrite and others; empty for older servers
  std::int64_t queue_length = 0;
  std::int64_t rate_per_second = 0;  // objects that its batches wrote
};

http::request nodes_request(const server& server);
judgement read_nodes(const http::response& answer, std::vector<node>* nodes);

// The number of objects of a collection and tenant.
http::request count_request(const server& server, std::string_view collection,
                            std::string_view tenant);
judgement read_count(const server& server, const http::response& answer, std::int64_t* count);

struct tenant {
  std::string name;
  bool active = true;
};

http::request tenants_request(const server& server, std::string_view collection);
judgement read_tenants(const http::response& answer, std::vector<tenant>* tenants);

}  // namespace stash::weaviate
