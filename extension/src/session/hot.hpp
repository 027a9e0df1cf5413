// Hot copies of sessions in the store: under the session's id and under its token's hash, by the
// cache's rules, so that a read is as fast as cache_get and never older than the last commit.
//
// Whatever changes a row of stash.session invalidates its keys in the same transaction
// (trigger_fn.cpp). A copy is filled with the moment before its snapshot was taken. On a standby
// and without preloading there are no copies: sessions are read from the table.
#pragma once

#include <optional>

#include "session/record.hpp"

namespace stash {

enum class lookup_by : std::uint8_t { id, token };

struct session_lookup {
  lookup_by by = lookup_by::id;
  session_id id;
  token_hash token{};
};

// The copy that the present transaction may see; borrows from memory that lives as long as the
// caller's memory context. A token is compared in full.
std::optional<session_record> read_hot(const session_lookup& what, timestamp now);
// Keeps what was read from the table; `bytes` is the encoded record.
void fill_hot(const session_lookup& what, const session_record& record, std::string_view bytes);
// At commit of the present transaction nobody finds a copy of it any more.
void invalidate_hot(const session_facts& facts);
void invalidate_all_hot();

// Whether the lookup's token is the record's, or was until a rotation whose grace lasts at `now`.
bool token_matches(const session_facts& facts, const token_hash& token, timestamp now);

}  // namespace stash
