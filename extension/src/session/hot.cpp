// See hot.hpp.
#include "session/hot.hpp"

#include "boundary/settings.hpp"
#include "cache/access.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// The namespace of the sessions' copies; −1: there are no copies here. Those who change sessions
// must find it: else a copy that somebody makes meanwhile would outlive their commit.
int hot_space(bool required) {
  if (!store_attached() || RecoveryInProgress()) return -1;
  static int known = -1;
  static std::uint32_t known_generation = 0;
  const store& owner = shared_store();
  if (known >= 0) {
    const space& slot = owner.space_at(static_cast<space_index>(known));
    if (slot.generation.load() == known_generation && slot.used.load() != 0) return known;
  }
  check_prepared_at_start();
  known = slot_of(MyDatabaseId, session_namespace);
  if (known >= 0)
    known_generation = owner.space_at(static_cast<space_index>(known)).generation.load();
  else if (required)
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("too many cache namespaces are in use: sessions need one"),
                    errhint("Increase stash.max_namespaces (now %d) and restart the server.",
                            settings::max_namespaces)));
  return known;
}

// A key is a letter and 16 bytes: the id, or the first half of the token's hash. The whole hash is
// in the copy and is compared there.
struct hot_key {
  char text[17];

  hot_key(char letter, const std::uint8_t* bytes) {
    text[0] = letter;
    std::memcpy(text + 1, bytes, sizeof text - 1);
  }
  [[nodiscard]] key_ref in(int space) const {
    return shared_store().key(static_cast<space_index>(space), {text, sizeof text});
  }
};

hot_key key_of_id(const session_id& id) { return {'i', id.bytes.data()}; }
hot_key key_of_token(const token_hash& token) { return {'t', token.data()}; }
hot_key key_of(const session_lookup& what) {
  return what.by == lookup_by::id ? key_of_id(what.id) : key_of_token(what.token);
}

}  // namespace

bool token_matches(const session_facts& facts, const token_hash& token, timestamp now) {
  const bool present = same_hash(facts.token, token);
  const bool previous = same_hash(facts.previous_token, token);
  return present || (previous && facts.previous_until > now);
}

std::optional<session_record> read_hot(const session_lookup& what, timestamp now) {
  const int space = hot_space(false);
  if (space < 0) return std::nullopt;
  const hot_key key = key_of(what);
  const cached_value value = read_cached_latest(key.in(space));
  if (!value.found) return std::nullopt;
  const auto record =
      decode_session({VARDATA(value.value), static_cast<std::size_t>(VARSIZE(value.value)) -
                                                static_cast<std::size_t>(VARHDRSZ)});
  if (!record) return std::nullopt;
  const bool same = what.by == lookup_by::id ? record->facts.id == what.id
                                             : token_matches(record->facts, what.token, now);
  return same ? record : std::nullopt;
}

void fill_hot(const session_lookup& what, const session_record& record, std::string_view bytes) {
  const int space = hot_space(false);
  const std::size_t largest = static_cast<std::size_t>(settings::max_value_kb) << 10;
  // A transaction that reads very many sessions keeps the first of them.
  const bool full = current_log().keys_pending() >= static_cast<std::size_t>(settings::max_pending);
  if (space < 0 || full || bytes.size() > largest) return;
  const hot_key key = key_of(what);
  set_request request;
  request.key = key.in(space);
  request.kind = value_kind::bytes;
  request.value = bytes;
  request.expires_at = record.facts.expires_at;
  if (what.by == lookup_by::token && !same_hash(record.facts.token, what.token))
    request.expires_at = Min(request.expires_at, record.facts.previous_until);
  request.fresh = true;
  request.read_at = record.facts.read_at;
  (void)set_cached(request);
}

void invalidate_hot(const session_facts& facts) {
  const int space = hot_space(true);
  if (space < 0) return;
  invalidate_key(key_of_id(facts.id).in(space));
  invalidate_key(key_of_token(facts.token).in(space));
  if (facts.previous_until != 0) invalidate_key(key_of_token(facts.previous_token).in(space));
}

void invalidate_all_hot() {
  const int space = hot_space(true);
  if (space >= 0) invalidate_space(static_cast<space_index>(space));
}

}  // namespace stash
