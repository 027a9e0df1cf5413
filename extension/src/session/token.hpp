// Tokens and ids of sessions. A token is 256 bits of the server's strong random source as URL-safe
// text; only its SHA-256 is kept. No message here or anywhere else shows a token.
#pragma once

#include <string_view>

#include "session/record.hpp"

namespace stash {

inline constexpr int token_size = 43;  // 32 bytes in base64url, without padding

struct new_token {
  char text[token_size + 1];
  token_hash hash;
};

// Errors: 58000 when the server has no random numbers.
new_token make_token();
token_hash hash_token(std::string_view text);
// The same without an error of its own; after the first call it raises none at all.
bool compute_sha256(std::string_view bytes, token_hash* hash);
// A version 7 uuid: it begins with the moment, so that new sessions stand together in the indexes.
session_id make_session_id(timestamp now);

}  // namespace stash
