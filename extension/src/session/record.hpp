// A session as C++ sees it, and the bytes of its hot copy.
//
// `session_record` borrows its texts from wherever it was read. Moments are microseconds, `never`
// stands for no limit. The bytes are for one server's memory only: no version, no byte order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "session/touches.hpp"

namespace stash {

using token_hash = std::array<std::uint8_t, 32>;

// Without an early exit: how long it takes says nothing about where the first difference is.
bool same_hash(const token_hash& a, const token_hash& b);

// What has a fixed size.
struct session_facts {
  session_id id;
  token_hash token;
  token_hash previous_token{};
  timestamp previous_until = 0;  // 0: there is no previous token
  std::int64_t version = 1;
  std::int32_t schema_version = 1;
  std::uint32_t present = 0;  // bits of session_field
  timestamp created_at = 0;
  timestamp updated_at = 0;
  timestamp seen_at = 0;
  timestamp expires_at = never;
  timestamp absolute_expires_at = never;
  timestamp idle_limit = never;  // microseconds after the last touch
  timestamp read_at = 0;         // before the snapshot that showed it
};

enum session_field : std::uint32_t {
  has_user = 1,
  has_agent = 2,
  has_address = 4,
  has_user_agent = 8,
};

struct session_record {
  session_facts facts;
  std::string_view data;  // jsonb behind its varlena header
  std::string_view user_id;
  std::string_view agent_id;
  std::string_view address;  // inet behind its varlena header
  std::string_view user_agent;

  [[nodiscard]] bool has(session_field field) const { return (facts.present & field) != 0; }
};

// What the moment says about a session. `seen`: its freshest touch.
enum class session_end : std::uint8_t { none, expired, idle };
inline session_end ended_by(const session_facts& facts, timestamp seen, timestamp now) {
  if (now >= facts.expires_at) return session_end::expired;
  if (facts.idle_limit != never && now - seen >= facts.idle_limit) return session_end::idle;
  return session_end::none;
}

// Seconds → microseconds after a moment; never when beyond all bounds.
timestamp moment_after(timestamp from, double seconds);

void encode(const session_record& record, std::string* bytes);
// Borrows from `bytes`; nothing when they are not what encode made.
std::optional<session_record> decode_session(std::string_view bytes);

}  // namespace stash
