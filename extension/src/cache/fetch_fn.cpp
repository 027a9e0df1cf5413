// SQL entry point cache_fetch: the cached value, or the query's, computed by one caller while the
// others wait or get a value that has merely expired.
//
// The query runs with the caller's rights. What row-level security filters is kept per role; where
// a policy depends on more than the role (a setting, say), nothing is kept at all.
#include "boundary/guard.hpp"
#include "boundary/pause_point.hpp"
#include "boundary/settings.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/fetch_query.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Whoever computes keeps the lease this long even if nobody would wait for it.
constexpr int shortest_lease_ms = 10000;
constexpr long poll_ms = 50;

// Values that differ by role lie under a key of their own.
key_ref key_for_lease(const key_ref& key) {
  const read_result found = shared_store().peek(key, latest_reader());
  const bool by_role = found.state == read_state::hit && found.info.kind == value_kind::role_marker;
  return by_role ? role_key(key) : key;
}

struct attempt {
  lease_result lease;
  cached_value value;
};

attempt try_lease(const key_ref& key) {
  store::lease_terms terms;
  terms.read_at = read_moment();
  terms.until = GetCurrentTimestamp() + Max(settings::fetch_timeout_ms, shortest_lease_ms) * 1000L;
  terms.stale_for = settings::fetch_stale_ms * 1000L;
  terms.stale_invalidated = false;
  terms.count_miss = false;
  attempt result;
  for (std::size_t capacity = 1024;; capacity = result.lease.info.value_size) {
    auto* value = static_cast<varlena*>(palloc(VARHDRSZ + capacity));
    result.lease =
        shared_store().take_lease(key, current_reader(), terms, VARDATA(value), capacity);
    if (result.lease.state == lease_state::buffer_too_small) continue;
    SET_VARSIZE(value, VARHDRSZ + result.lease.info.value_size);
    result.value.info = result.lease.info;
    result.value.value = value;
    return result;
  }
}

// Waits until there is a value or a lease for us. True: *value is it. The lease, if any, is noted
// in the log, which gives it back when the transaction ends.
bool wait_or_lease(const key_ref& key, cached_value* value, std::uint64_t* nonce) {
  const timestamp deadline = GetCurrentTimestamp() + settings::fetch_timeout_ms * 1000L;
  for (;;) {
    const attempt now = try_lease(key);
    if (now.lease.state == lease_state::hit || now.lease.state == lease_state::stale) {
      *value = now.value;
      stop_waiting_for_key();
      return true;
    }
    if (now.lease.state == lease_state::taken) {
      stop_waiting_for_key();
      *nonce = now.lease.nonce;
      run_guarded([&] { current_log().note_lease(key, *nonce, current_subtransaction()); });
      return false;
    }
    if (current_log().holds_lease(key)) break;
    const timestamp left = deadline - GetCurrentTimestamp();
    if (left <= 0) break;
    wait_for_key(key.hash, Min(poll_ms, static_cast<long>(left / 1000 + 1)));
  }
  // Too long, or it is this transaction itself that has the lease: compute it without one.
  stop_waiting_for_key();
  return false;
}

void give_lease_back(const key_ref& key, std::uint64_t nonce) {
  if (nonce == 0) return;
  current_log().forget_lease(nonce);
  shared_store().release_lease(key, nonce);
  announce_key(key.hash);
}

std::string_view payload(const query_result& result) {
  const auto* bytes = reinterpret_cast<const varlena*>(DatumGetPointer(result.value));
  return {VARDATA(bytes), static_cast<std::size_t>(VARSIZE(bytes)) - VARHDRSZ};
}

void keep_value(const key_ref& key, const query_result& result, const tag_set& tags,
                timestamp expires_at) {
  set_request request;
  request.key = key;
  request.tags = tags.encoded;
  request.tag_ids = tags.ids;
  request.expires_at = expires_at;
  if (result.scope == value_scope::role) {
    request.kind = value_kind::role_marker;
    (void)set_cached(request);
    request.key = role_key(key);
    request.kind = value_kind::jsonb;
  }
  request.value = payload(result);
  (void)set_cached(request);
}

bool can_be_kept(const query_result& result) {
  return !result.is_null && result.scope != value_scope::nobody &&
         payload(result).size() <= static_cast<std::size_t>(settings::max_value_kb) << 10;
}

}  // namespace

// cache_fetch(key, query, args, ttl, tags, namespace)
STASH_FUNCTION(cache_fetch) {
  const space_index space = namespace_argument(fcinfo, 5);
  const key_ref key = key_argument(fcinfo, 0, space);
  const std::string_view query = text_argument(fcinfo, 1, "query");
  const timestamp now = GetCurrentTimestamp();
  const timestamp expires_at = expiry_argument(fcinfo, 3, space);
  const cached_value cached = read_cached(key);
  if (cached.found) return jsonb_of(cached);

  // A transaction with one snapshot for all cannot hit what others store meanwhile: it does not
  // wait.
  key_ref leased = key;
  std::uint64_t nonce = 0;
  if (XactIsoLevel < XACT_REPEATABLE_READ && !snapshot_imported() &&
      !current_log().any_invalidation()) {
    leased = key_for_lease(key);
    cached_value value;
    if (wait_or_lease(leased, &value, &nonce)) {
      const bool by_role = leased.text.size() != key.text.size();
      if (value.info.kind != value_kind::role_marker &&
          (!by_role || role_value_holds(key, value.info)))
        return jsonb_of(value);
      const cached_value again = read_cached(key);
      if (again.found) return jsonb_of(again);
    }
  }
  pause_here(pause_point::fetch_computing);
  const query_result result = run_fetch_query(query, fcinfo, 2);
  if (!can_be_kept(result)) {
    give_lease_back(leased, nonce);
    if (result.is_null) PG_RETURN_NULL();
    return result.value;
  }
  // Computing may have taken long; the value lives from now on.
  const timestamp late = expires_at == never ? 0 : GetCurrentTimestamp() - now;
  note_miss(key);
  keep_value(key, result, tags_argument(fcinfo, 4, space), expires_at + late);
  return result.value;
}

}  // namespace stash
