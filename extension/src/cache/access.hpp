// What all cache_* functions are made of: reading a key and setting one under the present
// transaction's rules.
#pragma once

#include <string_view>

#include "store/store.hpp"

#include "boundary/postgres.hpp"

namespace stash {

struct cached_value {
  bool found = false;
  entry_info info;
  varlena* value = nullptr;  // palloc'd: the value behind a varlena header
  std::string_view tags;     // encoded, palloc'd; only when asked for
};

// The value of a key as the present transaction may see it: its own pending set, or the store's.
cached_value read_cached(const key_ref& key, bool want_tags = false);
// The same as it is committed now, whatever the isolation level.
cached_value read_cached_latest(const key_ref& key);
// The same without the value.
bool is_cached(const key_ref& key, entry_info* info = nullptr);

// Whether the store's entry of a key is invalidated by what the present transaction has pending.
bool is_killed_by_own(const key_ref& key);

// Hints for a loop over many keys: what the next ones need comes from memory meanwhile.
inline constexpr int prefetch_distance = 4;
void prefetch_ahead(const key_ref* keys, int at, int count);

struct set_request {
  key_ref key;
  value_kind kind = value_kind::jsonb;
  std::string_view value;
  std::string_view tags;
  std::span<const tag_id> tag_ids;
  timestamp expires_at = never;
  bool fresh = false;
  bool has_lease = false;
  timestamp lease_read_at = 0;
  std::uint64_t lease_nonce = 0;
  timestamp read_at = 0;  // when the value's data was read; 0: the transaction's moment
  timestamp now = 0;      // what trusted_now said of that moment; 0: it is still to be asked
  std::int64_t expected = any_version;
};
// The new version, or 0 when the set was refused.
std::int64_t set_cached(const set_request& request);

// Deletes at commit; true when the key was there.
bool delete_cached(const key_ref& key);

// A value as jsonb: counters become numbers. 42804 for bytes.
Datum jsonb_of(const cached_value& value);

// Whether a value kept for one role still stands: the key itself has not changed since.
bool role_value_holds(const key_ref& key, const entry_info& info);

// How often this session has read a cached value that holds for its present role only.
std::uint64_t role_values_read();

// The key under which a value that holds for the present role only is kept; palloc'd.
key_ref role_key(const key_ref& key);

}  // namespace stash
