// What the requests of the session tables are made of: tokens of sessions that exist, tokens, ids
// and hashes of new ones, what a browser says of itself.
//
// New tokens come from a fast generator, not from a strong one: that this costs the driver nothing
// is to the credit of those whose client has to make them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "payload.hpp"

namespace stash::bench {

using token_list = std::shared_ptr<const std::vector<std::string>>;

inline constexpr int token_size = 43;
inline constexpr int session_ttl = 86'400;
inline constexpr char client_address[] = "203.0.113.77";
inline constexpr char client_agent[] =
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

enum class part {
  token,        // of a session that exists
  fresh_token,  // that no session has
  fresh_id,     // a UUID of version 7
  fresh_hash,   // 32 bytes, as PostgreSQL reads a bytea
  user,
  value,  // a JSON string, see payload.hpp
  address,
  agent,
  now,  // whole seconds since 1970, as Node's programs tell them
  end,
};

// The parts of one request after the other. Within one, a part is always the same.
class session_parts {
 public:
  explicit session_parts(token_list tokens) : tokens_(std::move(tokens)) {}

  void renew(key_space& keys, random_source& random);
  // Valid until the next renewal.
  const std::string& text(part which) const;

 private:
  token_list tokens_;
  std::uint64_t index_ = 0;
  // Whatever a request does not ask for is not made.
  mutable random_source random_{0};
  mutable std::string made_[static_cast<int>(part::end) + 1];
};

}  // namespace stash::bench
