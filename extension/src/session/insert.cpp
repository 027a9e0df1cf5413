// Inserting sessions, and which generation they go to (see table.hpp). The statements are for
// tables that somebody has changed.
#include "session/table.hpp"

#include "session/direct_insert.hpp"
#include "session/live_touch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

#define INSERT_SESSION(leaf)                                                         \
  "INSERT INTO stash." leaf                                                          \
  " (generation, id, user_id, agent_id, data, schema_version, version, token_hash,"  \
  " created_at, updated_at, seen_at, expires_at, absolute_expires_at, idle_ttl, ip," \
  " user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13, $14)"

#define INSERT_ARGUMENTS                                                                      \
  14, {                                                                                       \
    INT2OID, UUIDOID, TEXTOID, TEXTOID, JSONBOID, INT4OID, INT8OID, BYTEAOID, TIMESTAMPTZOID, \
        TIMESTAMPTZOID, TIMESTAMPTZOID, FLOAT8OID, INETOID, TEXTOID                           \
  }

statement insert_into[2] = {{INSERT_SESSION("session_0"), INSERT_ARGUMENTS},
                            {INSERT_SESSION("session_1"), INSERT_ARGUMENTS}};

#undef INSERT_SESSION
#undef INSERT_ARGUMENTS

// A session with an idle limit has its touch row from the beginning: the worker finds by it when
// the session is due.
statement insert_touch{
    "INSERT INTO stash.session_touch (generation, id, touched_at, due_at) VALUES ($1, $2, $3, $4)",
    4,
    {INT2OID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

argument text_of(const session_record& record, session_field field, std::string_view text) {
  return record.has(field) ? argument{varlena_datum(text)} : sql_null;
}

void insert_touch_row(const session_facts& facts, int generation, Datum id) {
  const Datum values[] = {Int16GetDatum(static_cast<int16>(generation)), id,
                          TimestampTzGetDatum(facts.created_at),
                          TimestampTzGetDatum(facts.created_at + facts.idle_limit)};
  const bool nulls[std::size(values)] = {};
  if (insert_directly(generation == 0 ? "session_touch_0" : "session_touch_1", values, nulls,
                      std::size(values), 0))
    return;
  const as_owner owner;
  (void)run(insert_touch, {{values[0]}, {values[1]}, {values[2]}, {values[3]}});
  owner.finish();
}

}  // namespace

int present_generation() {
  const touch_array* touches = live_touches();
  return touches != nullptr && touches->generation(MyDatabaseId) == 1 ? 1 : 0;
}

void insert_session(const session_record& record) {
  const session_facts& facts = record.facts;
  const int generation = present_generation();
  const argument id{uuid_datum(facts.id)};
  const argument created{TimestampTzGetDatum(facts.created_at)};
  const bool idles = facts.idle_limit != never;
  // The table's columns in their order.
  const argument row[] = {
      {Int16GetDatum(static_cast<int16>(generation))},
      id,
      text_of(record, has_user, record.user_id),
      text_of(record, has_agent, record.agent_id),
      {varlena_datum(record.data)},
      {Int32GetDatum(facts.schema_version)},
      {Int64GetDatum(facts.version)},
      {hash_datum(facts.token)},
      sql_null,
      sql_null,
      created,
      created,
      created,
      {TimestampTzGetDatum(facts.expires_at)},
      {TimestampTzGetDatum(facts.absolute_expires_at)},
      idles ? argument{Float8GetDatum(static_cast<double>(facts.idle_limit) / 1e6)} : sql_null,
      text_of(record, has_address, record.address),
      text_of(record, has_user_agent, record.user_agent)};
  constexpr int columns = std::size(row);
  constexpr int checks = 3;
  Datum values[columns];
  bool nulls[columns];
  for (int i = 0; i < columns; i++) {
    values[i] = row[i].value;
    nulls[i] = row[i].null;
  }
  if (!insert_directly(generation == 0 ? "session_0" : "session_1", values, nulls, columns,
                       checks)) {
    const as_owner owner;
    (void)run(insert_into[generation],
              {row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[10], row[13],
               row[14], row[15], row[16], row[17]});
    owner.finish();
  }
  if (idles) insert_touch_row(facts, generation, id.value);
}

}  // namespace stash
