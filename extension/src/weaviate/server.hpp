// Where a Weaviate is and how to speak to it: the part of a request that every codec shares.
#pragma once

#include <string>
#include <string_view>

#include "http/engine.hpp"
#include "weaviate/object.hpp"

namespace stash::weaviate {

struct server {
  std::string url;      // http://host:port, as checked_url gives it back
  std::string api_key;  // empty: none; a server without keys refuses one
  weaviate::dialect dialect = weaviate::dialect::connect;
  weaviate::consistency consistency = weaviate::consistency::quorum;
  int timeout_ms = 60'000;
  int connect_timeout_ms = 5'000;
};

// The URL without a slash at its end, or "" with the reason in *why when it is none: http or https,
// a host, no user or password (they would show in errors), no query, no fragment.
std::string checked_url(std::string_view url, std::string* why);

// A call of the gRPC interface through Connect, e.g. "BatchObjects". Errors are JSON in either
// form.
enum class body_form : std::uint8_t { json, protobuf };
http::request connect_call(const server& server, std::string_view procedure, std::string body,
                           body_form form = body_form::json);

// A call of the REST interface; `path` begins behind /v1, e.g. "/schema/Doc", and holds nothing
// that would need escaping but through escape_path.
http::request rest_call(const server& server, http::method method, std::string_view path,
                        std::string body = {});

// Percent-escapes all that is not a letter, a digit or one of -_.~
std::string escape_path(std::string_view text);

}  // namespace stash::weaviate
