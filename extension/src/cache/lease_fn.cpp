// SQL entry point cache_get_lease: a value, or the right to compute it.
#include <cstdio>

#include "boundary/guard.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/prepared.hpp"
#include "cache/rows.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

struct leased {
  lease_result result;
  varlena* value;
};

leased take(const key_ref& key, const store::lease_terms& terms) {
  std::size_t capacity = 1024;
  for (;;) {
    auto* value = static_cast<varlena*>(palloc(VARHDRSZ + capacity));
    const lease_result result =
        shared_store().take_lease(key, current_reader(), terms, VARDATA(value), capacity);
    if (result.state != lease_state::buffer_too_small) {
      SET_VARSIZE(value, VARHDRSZ + result.info.value_size);
      return {result, value};
    }
    capacity = result.info.value_size;
    pfree(value);
  }
}

// What the transaction itself has pending for the key: its own value, or nothing of the store's.
bool own_answer(const key_ref& key, cached_value* value, bool* gone) {
  transaction_log& log = current_log();
  *gone = false;
  if (log.empty()) return false;
  const pending* own = nullptr;
  const auto sight = log.look(key, &own);
  *value = {};
  if (sight == transaction_log::sight::own) {
    *value = read_cached(key);
    return value->found;
  }
  *gone = sight == transaction_log::sight::nothing || log.any_invalidation();
  if (*gone && sight == transaction_log::sight::store) {
    *value = read_cached(key);
    return value->found;
  }
  return false;
}

}  // namespace

// cache_get_lease(key, lease_ttl, stale_ttl, namespace) → value, state, lease, version
STASH_FUNCTION(cache_get_lease) {
  const space_index space = namespace_argument(fcinfo, 3);
  const key_ref key = key_argument(fcinfo, 0, space);
  const double lease_ttl = PG_ARGISNULL(1) ? 10 : positive_seconds(fcinfo, 1, "lease_ttl");
  const double stale_ttl = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);
  if (!(stale_ttl >= 0))
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("stale_ttl must not be negative"),
             errhint("0 stands for no stale values.")));
  row_set rows(fcinfo);
  Datum columns[4] = {};
  bool nulls[4] = {true, false, true, true};
  resolve_prepared();

  cached_value own;
  bool gone = false;
  if (own_answer(key, &own, &gone)) {
    columns[0] = jsonb_of(own);
    columns[1] = CStringGetTextDatum("hit");
    columns[3] = Int64GetDatum(own.info.version);
    nulls[0] = nulls[3] = false;
    rows.add(columns, nulls);
    return 0;
  }
  store::lease_terms terms;
  terms.read_at = read_moment();
  terms.until = GetCurrentTimestamp() + static_cast<timestamp>(Min(lease_ttl, 86400.0) * 1e6);
  terms.stale_for = static_cast<timestamp>(Min(stale_ttl, 65535.0) * 1e6);
  const leased taken = take(key, terms);
  const bool readable =
      (taken.result.state == lease_state::hit && !gone) || taken.result.state == lease_state::stale;
  if (readable) {
    cached_value value;
    value.info = taken.result.info;
    value.value = taken.value;
    columns[0] = jsonb_of(value);
    columns[3] = Int64GetDatum(value.info.version);
    nulls[0] = nulls[3] = false;
  }
  switch (taken.result.state) {
    case lease_state::hit:
      columns[1] = CStringGetTextDatum(gone ? "wait" : "hit");
      break;
    case lease_state::stale:
      columns[1] = CStringGetTextDatum("stale");
      break;
    case lease_state::taken: {
      char text[40];
      snprintf(text, sizeof text, "%llx-%llx", static_cast<unsigned long long>(read_moment()),
               static_cast<unsigned long long>(taken.result.nonce));
      columns[1] = CStringGetTextDatum("miss");
      columns[2] = CStringGetTextDatum(text);
      nulls[2] = false;
      break;
    }
    default:
      columns[1] = CStringGetTextDatum("wait");
      break;
  }
  if (taken.result.state == lease_state::taken) note_miss(key);
  rows.add(columns, nulls);
  return 0;
}

}  // namespace stash
