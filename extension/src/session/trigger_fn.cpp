// Triggers of the sessions' tables: whatever changes a session, an administrator's own statements
// and logical replication too, takes its hot copies away, and a direct DELETE stands in the
// history. The history itself is not changed.
#include "boundary/guard.hpp"
#include "cache/prepared.hpp"
#include "session/ending.hpp"
#include "session/hot.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Other tables have no such columns, or columns of other types.
const TriggerData* trigger_data(FunctionCallInfo fcinfo) {
  const auto* data =
      CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData*>(fcinfo->context) : nullptr;
  if (data == nullptr ||
      RelationGetNamespace(data->tg_relation) != get_namespace_oid("stash", true))
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("this function is called by triggers of pg_stash's tables only")));
  return data;
}

Datum column(HeapTuple row, TupleDesc shape, const char* name, bool* null) {
  const int number = SPI_fnumber(shape, name);
  if (number <= 0)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("table stash.session has no column \"%s\"", name)));
  return heap_getattr(row, number, shape, null);
}

token_hash hash_column(HeapTuple row, TupleDesc shape, const char* name, bool* null) {
  token_hash hash{};
  const Datum value = column(row, shape, name, null);
  if (*null) return hash;
  const bytea* bytes = DatumGetByteaPP(value);
  if (VARSIZE_ANY_EXHDR(bytes) == hash.size())
    std::memcpy(hash.data(), VARDATA_ANY(bytes), hash.size());
  return hash;
}

void invalidate_row(HeapTuple row, TupleDesc shape) {
  session_facts facts;
  bool null = false;
  facts.id = session_id_of(column(row, shape, "id", &null));
  facts.token = hash_column(row, shape, "token_hash", &null);
  facts.previous_token = hash_column(row, shape, "previous_token_hash", &null);
  facts.previous_until = null ? 0 : 1;
  invalidate_hot(facts);
}

statement delete_touch{
    "DELETE FROM stash.session_touch t WHERE t.id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}};
statement delete_orphans{
    "DELETE FROM stash.session_touch t WHERE NOT EXISTS (SELECT FROM stash.session s"
    " WHERE s.id OPERATOR(pg_catalog.=) t.id)",
    0,
    {}};
statement log_deletion{
    "INSERT INTO stash.session_history (slot, id, user_id, agent_id, created_at, last_seen_at,"
    " ended_at, kind, ended_by, ip, user_agent)"
    " VALUES ($1, $2, $3, $4, $5, stash.session_freshest($2, greatest($6,"
    " (SELECT t.touched_at FROM stash.session_touch t WHERE t.id OPERATOR(pg_catalog.=) $2"
    " LIMIT 1))), $7, 'deleted', $8, $9, $10)",
    10,
    {INT2OID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
     INETOID, TEXTOID}};

void log_direct_deletion(HeapTuple row, TupleDesc shape) {
  const auto value = [&](const char* name) {
    argument given;
    given.value = column(row, shape, name, &given.null);
    return given;
  };
  const timestamp now = GetCurrentTimestamp();
  const as_owner owner;
  (void)run(log_deletion, {{Int16GetDatum(static_cast<int16>(history_slot(now)))},
                           value("id"),
                           value("user_id"),
                           value("agent_id"),
                           value("created_at"),
                           value("seen_at"),
                           {TimestampTzGetDatum(now)},
                           {CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false))},
                           value("ip"),
                           value("user_agent")});
  (void)run(delete_touch, {value("id")});
  owner.finish();
}

}  // namespace

// AFTER UPDATE OR DELETE, FOR EACH ROW
STASH_FUNCTION(session_row_changed) {
  const TriggerData* data = trigger_data(fcinfo);
  // What the worker moves to the other generation stays what it is.
  if (change_origin() == origin::worker) return PointerGetDatum(nullptr);
  TupleDesc shape = RelationGetDescr(data->tg_relation);
  invalidate_row(data->tg_trigtuple, shape);
  if (TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
    invalidate_row(data->tg_newtuple, shape);
  } else if (change_origin() == origin::direct &&
             SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA) {
    // A replica is sent the history of its origin.
    log_direct_deletion(data->tg_trigtuple, shape);
  }
  return PointerGetDatum(nullptr);
}

// AFTER TRUNCATE
STASH_FUNCTION(session_truncated) {
  (void)trigger_data(fcinfo);
  if (change_origin() == origin::worker) return PointerGetDatum(nullptr);
  invalidate_all_hot();
  const as_owner owner;
  (void)run(delete_orphans, {});
  owner.finish();
  return PointerGetDatum(nullptr);
}

// BEFORE UPDATE OR DELETE, FOR EACH ROW, and BEFORE TRUNCATE
STASH_FUNCTION(session_history_guard) {
  const TriggerData* data = trigger_data(fcinfo);
  if (change_origin() != origin::worker &&
      SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("the history of sessions cannot be changed"),
                    errhint("It leaves after stash.session_history_retention.")));
  if (TRIGGER_FIRED_BY_DELETE(data->tg_event)) return PointerGetDatum(data->tg_trigtuple);
  return PointerGetDatum(data->tg_newtuple);
}

}  // namespace stash
