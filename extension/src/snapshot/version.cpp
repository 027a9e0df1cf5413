// See version.hpp.
#include "snapshot/version.hpp"

#include "session/table.hpp"
#include "session/token.hpp"
#include "snapshot/locks.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement line_of{
    "SELECT l.id, l.pool, p.salt FROM stash.memory_line l, stash.memory_pool p"
    " WHERE l.agent_id = $1 AND l.key = $2 AND p.id = l.pool",
    2,
    {TEXTOID, TEXTOID}};
statement add_pool{
    "INSERT INTO stash.memory_pool (agent_id) VALUES ($1) ON CONFLICT DO NOTHING", 1, {TEXTOID}};
statement pool_of{"SELECT p.id FROM stash.memory_pool p WHERE p.agent_id = $1", 1, {TEXTOID}};
statement add_line{
    "INSERT INTO stash.memory_line (pool, agent_id, key)"
    " SELECT p.id, $2, $3 FROM stash.memory_pool p WHERE p.id = $1 ON CONFLICT DO NOTHING",
    3,
    {INT8OID, TEXTOID, TEXTOID}};
statement line_is_there{
    "SELECT FROM stash.memory_line l WHERE l.id = $1 AND l.pool = $2", 2, {INT8OID, INT8OID}};
statement head_of{
    "SELECT l.last_version, h.id, h.version, h.digest, h.created_at,"
    " h.tags IS NOT DISTINCT FROM $2 AND h.metadata IS NOT DISTINCT FROM $3"
    " FROM stash.memory_line l LEFT JOIN LATERAL (SELECT v.* FROM stash.memory_version v"
    " WHERE v.line = l.id AND stash.memory_lives(v.expires_at, v.pinned)"
    " ORDER BY v.version DESC LIMIT 1) h ON true WHERE l.id = $1 AND l.pool = $4",
    4,
    {INT8OID, TEXTARRAYOID, JSONBOID, INT8OID}};
statement insert_version{
    "INSERT INTO stash.memory_version (pool, line, version, created_at, expires_at, logical_size,"
    " id, digest, parent, origin, pinned, refs, content, tags, metadata, note, added)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
    " pg_catalog.nextval('stash.memory_added'))",
    16,
    {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, UUIDOID, UUIDOID, UUIDOID,
     UUIDOID, BOOLOID, BYTEAOID, JSONBOID, TEXTARRAYOID, JSONBOID, TEXTOID}};
statement advance_line{"UPDATE stash.memory_line SET last_version = $3 WHERE pool = $1 AND id = $2",
                       3,
                       {INT8OID, INT8OID, INT8OID}};
statement insert_embedding{
    "INSERT INTO stash.memory_embedding"
    " (id, pool, line, embedding, agent_id, key, version, created_at, tags)"
    " SELECT $1, l.pool, l.id, $4, l.agent_id, l.key, $5, $6, $7 FROM stash.memory_line l"
    " WHERE l.pool = $2 AND l.id = $3",
    7,
    {UUIDOID, INT8OID, INT8OID, FLOAT4ARRAYOID, INT8OID, TIMESTAMPTZOID, TEXTARRAYOID}};

bool read_line(Datum agent, Datum key, line_ref* found) {
  if (run(line_of, {{agent}, {key}}) == 0) return false;
  bool null = false;
  found->line = DatumGetInt64(result(0, 1, &null));
  found->pool = DatumGetInt64(result(0, 2, &null));
  found->salt = digest_of(result(0, 3, &null));
  return true;
}

// Ids begin with the moment to the microsecond, so within a line they have the order of versions.
session_id version_id(timestamp created_at) {
  session_id id = make_session_id(created_at);
  const auto within_ms = static_cast<std::uint32_t>(((created_at % 1000) + 1000) % 1000);
  const std::uint32_t fraction = within_ms * 4096 / 1000;
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (fraction >> 8));
  id.bytes[7] = static_cast<std::uint8_t>(fraction);
  return id;
}

}  // namespace

bool make_line(std::int64_t pool, Datum agent, Datum key) {
  return run(add_line, {{Int64GetDatum(pool)}, {agent}, {key}}) == 1;
}

line_ref find_line(Datum agent, Datum key) {
  line_ref found;
  while (!read_line(agent, key, &found)) {
    CHECK_FOR_INTERRUPTS();
    bool null = false;
    if (run(pool_of, {{agent}}) == 0) {
      (void)run(add_pool, {{agent}});
      if (run(pool_of, {{agent}}) == 0) continue;
    }
    // The collector takes empty pools away; not while it is shared.
    const std::int64_t pool = DatumGetInt64(result(0, 1, &null));
    share_pool(pool);
    (void)make_line(pool, agent, key);
  }
  return found;
}

bool hold_line(const line_ref& line) {
  share_pool(line.pool);
  own_line(line.line);
  return run(line_is_there, {{Int64GetDatum(line.line)}, {Int64GetDatum(line.pool)}}) == 1;
}

head_version read_head(const line_ref& line, const argument& tags, const argument& metadata) {
  head_version head;
  if (run(head_of, {{Int64GetDatum(line.line)}, tags, metadata, {Int64GetDatum(line.pool)}}) != 1)
    elog(ERROR, "a line of memory snapshots has gone while it was held");
  bool null = false;
  head.last_version = DatumGetInt64(result(0, 1, &null));
  const Datum id = result(0, 2, &null);
  if (null) return head;
  head.exists = true;
  head.id = session_id_of(id);
  head.version = DatumGetInt64(result(0, 3, &null));
  head.content = digest_of(result(0, 4, &null));
  head.created_at = DatumGetTimestampTz(result(0, 5, &null));
  head.same_labels = DatumGetBool(result(0, 6, &null));
  return head;
}

added_version add_version(const line_ref& line, const head_version& head, const new_version& what) {
  const timestamp created_at =
      what.created_at != 0 ? what.created_at
                           : Max(GetCurrentTimestamp(), head.exists ? head.created_at + 1 : 0);
  const session_id id = what.id.null ? version_id(created_at) : session_id_of(what.id.value);
  const std::int64_t version = head.last_version + 1;
  (void)run(insert_version, {{Int64GetDatum(line.pool)},
                             {Int64GetDatum(line.line)},
                             {Int64GetDatum(version)},
                             {TimestampTzGetDatum(created_at)},
                             what.expires_at,
                             {Int64GetDatum(what.logical_size)},
                             {uuid_datum(id)},
                             {digest_datum(what.content)},
                             what.parent,
                             what.origin,
                             {BoolGetDatum(what.pinned)},
                             what.root.refs,
                             what.root.content,
                             what.tags,
                             what.metadata,
                             what.note});
  (void)run(advance_line,
            {{Int64GetDatum(line.pool)}, {Int64GetDatum(line.line)}, {Int64GetDatum(version)}});
  if (!what.embedding.null)
    (void)run(insert_embedding, {{uuid_datum(id)},
                                 {Int64GetDatum(line.pool)},
                                 {Int64GetDatum(line.line)},
                                 what.embedding,
                                 {Int64GetDatum(version)},
                                 {TimestampTzGetDatum(created_at)},
                                 what.tags});
  return {id, version};
}

}  // namespace stash::memory
