// SQL entry points that change keys: cache_set, cache_set_bytes, cache_set_many, cache_set_entries,
// cache_add, cache_incr, cache_touch, cache_delete.
#include "boundary/guard.hpp"
#include "boundary/heap.hpp"
#include "boundary/settings.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

std::string_view payload(const varlena* value) {
  return {VARDATA(value), static_cast<std::size_t>(VARSIZE(value)) - VARHDRSZ};
}

[[noreturn]] void report_null_value() {
  ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("value must not be null"),
                  errhint("A JSON null is a value: 'null'::jsonb. A missing key is deleted with "
                          "stash.cache_delete.")));
  pg_unreachable();
}

Datum version_or_null(FunctionCallInfo fcinfo, std::int64_t version) {
  if (version == 0) PG_RETURN_NULL();
  PG_RETURN_INT64(version);
}

// cache_set(key, value, ttl, tags, if_version, lease, fresh, namespace)
Datum set_one(FunctionCallInfo fcinfo, value_kind kind) {
  const space_index space = namespace_argument(fcinfo, 7);
  set_request request;
  request.key = key_argument(fcinfo, 0, space);
  request.kind = kind;
  if (PG_ARGISNULL(1)) report_null_value();
  request.value = payload(PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
  request.expires_at = expiry_argument(fcinfo, 2, space);
  const tag_set& tags = tags_argument(fcinfo, 3, space);
  request.tags = tags.encoded;
  request.tag_ids = tags.ids;
  if (!PG_ARGISNULL(4)) {
    request.expected = PG_GETARG_INT64(4);
    if (request.expected < 0)
      ereport(ERROR,
              (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("if_version must not be negative"),
               errhint("0 stands for a key that does not exist.")));
  }
  if (!PG_ARGISNULL(5)) {
    const lease_text lease = parse_lease(text_argument(fcinfo, 5, "lease"));
    request.has_lease = true;
    request.lease_read_at = lease.read_at;
    request.lease_nonce = lease.nonce;
  }
  request.fresh = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
  return version_or_null(fcinfo, set_cached(request));
}

// What all sets of one call share; key and value are filled in for each.
set_request request_for_many(const tag_set& tags, timestamp expires_at, bool fresh) {
  set_request request;
  request.tags = tags.encoded;
  request.tag_ids = tags.ids;
  request.expires_at = expires_at;
  request.fresh = fresh;
  request.read_at = read_moment();
  return request;
}

}  // namespace

STASH_FUNCTION(cache_set) { return set_one(fcinfo, value_kind::jsonb); }
STASH_FUNCTION(cache_set_bytes) { return set_one(fcinfo, value_kind::bytes); }

// cache_add(key, value, ttl, tags, namespace)
STASH_FUNCTION(cache_add) {
  const space_index space = namespace_argument(fcinfo, 4);
  set_request request;
  request.key = key_argument(fcinfo, 0, space);
  if (PG_ARGISNULL(1)) report_null_value();
  request.value = payload(PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
  request.expires_at = expiry_argument(fcinfo, 2, space);
  const tag_set& tags = tags_argument(fcinfo, 3, space);
  request.tags = tags.encoded;
  request.tag_ids = tags.ids;
  request.expected = no_version;
  return version_or_null(fcinfo, set_cached(request));
}

// cache_set_many(keys, items, ttl, tags, fresh, namespace)
STASH_FUNCTION(cache_set_many) {
  const space_index space = namespace_argument(fcinfo, 5);
  const text_list keys = text_array_argument(fcinfo, 0, "keys");
  if (PG_ARGISNULL(1)) report_null("items");
  keep_heap_between_statements();
  Datum* items = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT, &items, &nulls,
                    &count);
  if (count != keys.count)
    ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                    errmsg("keys has %d elements, items has %d", keys.count, count),
                    errhint("Each key needs its item.")));
  const timestamp expires_at = expiry_argument(fcinfo, 2, space);
  const tag_set& tags = tags_argument(fcinfo, 3, space);
  auto* refs =
      static_cast<key_ref*>(palloc(sizeof(key_ref) * static_cast<std::size_t>(Max(count, 1))));
  for (int i = 0; i < count; i++) {
    refs[i] = checked_key(keys.items[i], space);
    if (nulls[i]) report_null_value();
  }
  set_request request = request_for_many(tags, expires_at, !PG_ARGISNULL(4) && PG_GETARG_BOOL(4));
  std::int32_t stored = 0;
  for (int i = 0; i < count; i++) {
    if (i % 1024 == 0) {
      CHECK_FOR_INTERRUPTS();
      request.now = trusted_now(request.read_at);
    }
    prefetch_ahead(refs, i, count);
    request.key = refs[i];
    request.value = payload(PG_DETOAST_DATUM(items[i]));
    if (set_cached(request) != 0) stored++;
  }
  PG_RETURN_INT32(stored);
}

// cache_set_entries(entries, ttl, tags, fresh, namespace): {"key": value, …}
STASH_FUNCTION(cache_set_entries) {
  const space_index space = namespace_argument(fcinfo, 4);
  if (PG_ARGISNULL(0)) report_null("entries");
  Jsonb* entries = PG_GETARG_JSONB_P(0);
  if (!JB_ROOT_IS_OBJECT(entries))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("entries must be a JSON object of keys and values"),
                    errhint("As in {\"key\": value, …}.")));
  const timestamp expires_at = expiry_argument(fcinfo, 1, space);
  const tag_set& tags = tags_argument(fcinfo, 2, space);
  JsonbIterator* iterator = JsonbIteratorInit(&entries->root);
  JsonbValue item;
  (void)JsonbIteratorNext(&iterator, &item, true);
  set_request request = request_for_many(tags, expires_at, !PG_ARGISNULL(3) && PG_GETARG_BOOL(3));
  std::int32_t stored = 0;
  while (JsonbIteratorNext(&iterator, &item, true) == WJB_KEY) {
    CHECK_FOR_INTERRUPTS();
    request.key =
        checked_key({item.val.string.val, static_cast<std::size_t>(item.val.string.len)}, space);
    (void)JsonbIteratorNext(&iterator, &item, true);
    request.value = payload(reinterpret_cast<varlena*>(JsonbValueToJsonb(&item)));
    if (set_cached(request) != 0) stored++;
  }
  PG_RETURN_INT32(stored);
}

// cache_incr(key, by, ttl, namespace): at once, whatever becomes of the transaction.
STASH_FUNCTION(cache_incr) {
  const space_index space = namespace_argument(fcinfo, 3);
  const key_ref key = key_argument(fcinfo, 0, space);
  if (PG_ARGISNULL(1)) report_null("by");
  const timestamp expires_at = expiry_argument(fcinfo, 2, space);
  const counter_result result = shared_store().add(key, PG_GETARG_INT64(1), GetCurrentTimestamp(),
                                                   expires_at, RecoveryInProgress());
  switch (result.state) {
    case counter_state::wrong_kind:
      ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the key holds no counter"),
                      errhint("Only stash.cache_incr makes counters; delete the key first.")));
      break;
    case counter_state::overflow:
      ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                      errmsg("counter is out of range of bigint"),
                      errhint("It keeps its value; stash.cache_delete lets it begin anew.")));
      break;
    case counter_state::no_room:
      ereport(ERROR,
              (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no room for a counter in this namespace"),
               errhint("Increase its max_bytes with stash.cache_namespace_alter.")));
      break;
    case counter_state::done:
      break;
  }
  PG_RETURN_INT64(result.value);
}

// cache_touch(key, ttl, namespace)
STASH_FUNCTION(cache_touch) {
  const space_index space = namespace_argument(fcinfo, 2);
  const key_ref key = key_argument(fcinfo, 0, space);
  const timestamp expires_at = expiry_argument(fcinfo, 1, space);
  if (!is_cached(key)) PG_RETURN_BOOL(false);
  current_log().add_touch(key, current_subtransaction(), expires_at);
  PG_RETURN_BOOL(true);
}

// cache_delete(key, namespace)
STASH_FUNCTION(cache_delete) {
  const space_index space = namespace_argument(fcinfo, 1);
  PG_RETURN_BOOL(delete_cached(key_argument(fcinfo, 0, space)));
}

}  // namespace stash
