// See access.hpp. The rules themselves are the store's and the log's; here the present transaction
// supplies its moments and its snapshot.
#include "cache/access.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "boundary/settings.hpp"
#include "cache/arguments.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Values come in sizes like the ones before: guess, so that one look under the lock is enough.
std::size_t size_guess = 512;
constexpr std::size_t largest_guess = 8192;

std::uint32_t snapshot_command() {
  return ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : GetCurrentCommandId(false);
}

cached_value copy_of_own(const pending& op) {
  const fill what = current_log().fill_of(op, shared_store());
  cached_value result;
  result.found = true;
  result.info.kind = what.kind;
  result.info.version = what.version;
  result.info.read_at = what.read_at;
  result.info.expires_at = what.expires_at;
  result.info.value_size = static_cast<std::uint32_t>(what.value.size());
  result.value = static_cast<varlena*>(palloc(VARHDRSZ + what.value.size()));
  SET_VARSIZE(result.value, VARHDRSZ + what.value.size());
  std::memcpy(VARDATA(result.value), what.value.data(), what.value.size());
  auto* tags = static_cast<char*>(palloc(what.tags.size() + 1));
  std::memcpy(tags, what.tags.data(), what.tags.size());
  result.tags = {tags, what.tags.size()};
  return result;
}

// A transaction reads its own set only while that would still be accepted at commit.
bool own_stands(const pending& op) {
  const store& owner = shared_store();
  const fill what = current_log().fill_of(op, owner);
  const timestamp now = GetCurrentTimestamp();
  return what.expires_at > now && owner.check(what, now, blind_guard(), {}) == refusal::none;
}

bool killed_by_own(const key_ref& key, std::string_view tags) {
  static std::vector<tag_id>* ids = new std::vector<tag_id>;
  ids->clear();
  const store& owner = shared_store();
  each_tag(tags, [&](std::string_view tag) {
    ids->push_back(owner.tag(key.space, tag));
    const std::string whole = class_of(tag);
    if (!whole.empty()) ids->push_back(owner.tag(key.space, whole));
  });
  return current_log().kills(key, *ids);
}

// One look at the store, with a buffer that is large enough.
read_result read_into(const key_ref& key, const reader& who, bool with_tags, varlena** value) {
  store& owner = shared_store();
  std::size_t capacity = size_guess;
  for (;;) {
    *value = static_cast<varlena*>(palloc(VARHDRSZ + capacity));
    const read_result result = owner.read(key, who, VARDATA(*value), capacity, with_tags);
    if (result.state == read_state::hit)
      size_guess = Min(Max(std::size_t{512}, result.info.value_size + 64UL), largest_guess);
    if (result.state != read_state::buffer_too_small) return result;
    capacity = std::size_t{result.info.value_size} + result.info.tags_size;
    pfree(*value);
  }
}

std::uint64_t role_values = 0;

cached_value read_store(const key_ref& key, const reader& who, bool want_tags) {
  const bool own_invalidations = current_log().any_invalidation();
  const bool with_tags = want_tags || own_invalidations;
  cached_value result;
  varlena* buffer = nullptr;
  read_result found = read_into(key, who, with_tags, &buffer);
  if (found.state == read_state::hit && found.info.kind == value_kind::role_marker) {
    const key_ref mine = role_key(key);
    role_values++;
    found = read_into(mine, who, with_tags, &buffer);
    if (found.state == read_state::hit && !role_value_holds(key, found.info))
      found.state = read_state::miss;
  }
  if (found.state != read_state::hit) return result;
  if (with_tags) {
    auto* tags = static_cast<char*>(palloc(found.info.tags_size + 1UL));
    std::memcpy(tags, VARDATA(buffer), found.info.tags_size);
    std::memmove(VARDATA(buffer), VARDATA(buffer) + found.info.tags_size, found.info.value_size);
    result.tags = {tags, found.info.tags_size};
    if (own_invalidations && killed_by_own(key, result.tags)) return result;
  }
  SET_VARSIZE(buffer, VARHDRSZ + found.info.value_size);
  result.found = true;
  result.info = found.info;
  result.value = buffer;
  return result;
}

}  // namespace

namespace {

cached_value read_as(const key_ref& key, reader (*reader_now)(), bool want_tags) {
  const pending* own = nullptr;
  const auto sight =
      current_log().empty() ? transaction_log::sight::store : current_log().look(key, &own);
  cached_value result;
  if (sight == transaction_log::sight::own && own->kind == value_kind::role_marker) {
    role_values++;
    return read_as(role_key(key), reader_now, want_tags);
  }
  if (sight == transaction_log::sight::own && own_stands(*own)) return copy_of_own(*own);
  if (sight == transaction_log::sight::store) {
    result = read_store(key, reader_now(), want_tags);
    if (!result.found && resolve_prepared()) result = read_store(key, reader_now(), want_tags);
  }
  if (!result.found) note_miss(key);
  return result;
}

}  // namespace

cached_value read_cached(const key_ref& key, bool want_tags) {
  return read_as(key, current_reader, want_tags);
}

cached_value read_cached_latest(const key_ref& key) { return read_as(key, latest_reader, false); }

void prefetch_ahead(const key_ref* keys, int at, int count) {
  // The buckets are on their way since the keys were checked, unless there are very many.
  const store& owner = shared_store();
  if (at + 2 * prefetch_distance < count) owner.prefetch_bucket(keys[at + 2 * prefetch_distance]);
  if (at + prefetch_distance < count) {
    owner.prefetch_entry(keys[at + prefetch_distance], size_guess);
    owner.prefetch_stamp(keys[at + prefetch_distance]);
  }
}

bool is_cached(const key_ref& key, entry_info* info) {
  const cached_value value = read_cached(key);
  if (value.found && info != nullptr) *info = value.info;
  return value.found;
}

bool is_killed_by_own(const key_ref& key) {
  const transaction_log& log = current_log();
  if (log.empty()) return false;
  const pending* own = nullptr;
  const auto sight = log.look(key, &own);
  if (sight != transaction_log::sight::store) return sight == transaction_log::sight::nothing;
  if (log.kills(key, {})) return true;
  if (log.tags_pending() == 0) return false;
  varlena* buffer = nullptr;
  const read_result found = read_into(key, latest_reader(), true, &buffer);
  const bool killed =
      found.state == read_state::hit && killed_by_own(key, {VARDATA(buffer), found.info.tags_size});
  pfree(buffer);
  return killed;
}

namespace {

fill fill_for(const set_request& request) {
  fill what;
  what.key = request.key;
  what.kind = request.kind;
  what.value = request.value;
  what.tags = request.tags;
  what.tag_ids = request.tag_ids;
  what.read_at = request.has_lease      ? request.lease_read_at
                 : request.read_at != 0 ? request.read_at
                                        : read_moment();
  what.expires_at = request.expires_at;
  what.lease = request.has_lease ? request.lease_nonce : 0;
  what.flags = RecoveryInProgress() ? stored_in_recovery : 0;
  what.blind = !request.fresh && !request.has_lease && !missed(request.key);
  return what;
}

refusal judge(fill& what, const set_request& request) {
  store& owner = shared_store();
  const timestamp now = request.now != 0 ? request.now : trusted_now(what.read_at);
  if (now == 0 || snapshot_imported()) return refusal::clock;
  if (request.has_lease) {
    const std::int64_t stale = owner.lease_valid(what.key, what.lease, what.read_at, now);
    if (stale < 0) return refusal::lease;
    what.stale_seconds = static_cast<std::uint16_t>(Min(stale, 0xffff));
  }
  if (what.blind && namespace_is_strict(what.key.space)) return refusal::strict;
  if (!current_log().empty() &&
      current_log().unseen_invalidation(what.key, what.tag_ids, snapshot_command()))
    return refusal::changed;
  const std::int64_t budget = owner.space_at(what.key.space).max_bytes.load();
  if (budget > 0 && static_cast<std::int64_t>(what.value.size() + what.key.text.size()) > budget)
    return refusal::no_room;
  refusal why = owner.check(what, now, blind_guard(), {});
  if (why != refusal::none && resolve_prepared()) why = owner.check(what, now, blind_guard(), {});
  return why;
}

// Whether a conditional set finds what it expects now. Whether it will at commit is for the log to
// check, which knows what of it is about the transaction's own changes.
bool condition_holds(const set_request& request) {
  if (request.expected == any_version) return true;
  const pending* own = nullptr;
  const auto sight =
      current_log().empty() ? transaction_log::sight::store : current_log().look(request.key, &own);
  std::int64_t current = no_version;
  if (sight == transaction_log::sight::store) {
    const read_result found = shared_store().peek(request.key, latest_reader());
    if (found.state == read_state::hit) current = found.info.version;
  } else if (sight == transaction_log::sight::own) {
    current = own->version;
  }
  return current == request.expected;
}

}  // namespace

namespace {

// Once a transaction: a bulk fill would say it for every key.
void warn_of_many_keys() {
  static TimestampTz warned_at = 0;
  if (warned_at == GetCurrentTransactionStartTimestamp()) return;
  warned_at = GetCurrentTransactionStartTimestamp();
  ereport(WARNING, (errmsg("cache sets are refused: the transaction has changed %d keys already",
                           settings::max_pending),
                    errhint("Commit more often, or increase stash.max_pending.")));
}

}  // namespace

std::int64_t set_cached(const set_request& request) {
  check_value_size(request.value.size());
  store& owner = shared_store();
  transaction_log& log = current_log();
  fill what = fill_for(request);
  if (!condition_holds(request)) {
    owner.count(what.key.space, refusal::condition);
    return 0;
  }
  refusal why = judge(what, request);
  if (why == refusal::none &&
      log.keys_pending() >= static_cast<std::size_t>(settings::max_pending)) {
    why = refusal::no_room;
    warn_of_many_keys();
  }
  if (why != refusal::none) {
    owner.count(what.key.space, why);
    if (log.keys_pending() < static_cast<std::size_t>(settings::max_pending))
      log.add_refused_set(what.key, current_subtransaction());
    else
      log.add_refused_space(what.key.space, current_subtransaction());
    return 0;
  }
  what.version = owner.next_version();
  // Commit will look for what stands there now. Not before the version is drawn, which would wait
  // for the bucket to arrive.
  owner.prefetch_entry(request.key,
                       entry_header_size + request.key.text.size() + request.value.size());
  log.add_set(what, current_subtransaction(), request.expected);
  return what.version;
}

bool delete_cached(const key_ref& key) {
  const pending* own = nullptr;
  const auto sight =
      current_log().empty() ? transaction_log::sight::store : current_log().look(key, &own);
  const bool was_there = sight == transaction_log::sight::own ||
                         (sight == transaction_log::sight::store &&
                          shared_store().peek(key, latest_reader()).state == read_state::hit);
  invalidate_key(key);
  return was_there;
}

Datum jsonb_of(const cached_value& value) {
  switch (value.info.kind) {
    case value_kind::counter: {
      std::int64_t number = 0;
      std::memcpy(&number, VARDATA_ANY(value.value), sizeof number);
      JsonbValue scalar;
      scalar.type = jbvNumeric;
      scalar.val.numeric = int64_to_numeric(number);
      return PointerGetDatum(JsonbValueToJsonb(&scalar));
    }
    case value_kind::bytes:
      ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the key holds bytes, not jsonb"),
                      errhint("Read it with stash.cache_get_bytes.")));
      break;
    default:
      break;
  }
  return PointerGetDatum(value.value);
}

bool role_value_holds(const key_ref& key, const entry_info& info) {
  const stamp& s = shared_store().key_stamp(key);
  return s.in_flux.load() == 0 && s.changed_at.load() < info.read_at;
}

std::uint64_t role_values_read() { return role_values; }

key_ref role_key(const key_ref& key) {
  const Oid role = GetUserId();
  const std::size_t size = key.text.size() + role_key_suffix;
  auto* text = static_cast<char*>(palloc(size));
  std::memcpy(text, key.text.data(), key.text.size());
  text[key.text.size()] = '\0';
  std::memcpy(text + key.text.size() + 1, &role, sizeof role);
  return {key.space, {text, size}, key.hash};
}

}  // namespace stash
