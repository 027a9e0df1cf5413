// Inserting sessions, and which generation they go to (see table.hpp).
#include "session/table.hpp"

#include "session/live_touch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

#define INSERT_SESSION(leaf)                                                         \
  "INSERT INTO stash." leaf                                                          \
  " (generation, id, user_id, agent_id, data, schema_version, version, token_hash,"  \
  " created_at, updated_at, seen_at, expires_at, absolute_expires_at, idle_ttl, ip," \
  " user_agent) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $8, $8, $9, $10, $11, $12, $13)"

#define INSERT_ARGUMENTS                                                             \
  13, {                                                                              \
    INT2OID, UUIDOID, TEXTOID, TEXTOID, JSONBOID, INT4OID, BYTEAOID, TIMESTAMPTZOID, \
        TIMESTAMPTZOID, TIMESTAMPTZOID, FLOAT8OID, INETOID, TEXTOID                  \
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

}  // namespace

int present_generation() {
  const touch_array* touches = live_touches();
  return touches != nullptr && touches->generation(MyDatabaseId) == 1 ? 1 : 0;
}

void insert_session(const session_record& record) {
  const session_facts& facts = record.facts;
  const int generation = present_generation();
  const argument number{Int16GetDatum(static_cast<int16>(generation))};
  const argument id{uuid_datum(facts.id)};
  const bool idles = facts.idle_limit != never;
  const argument idle =
      idles ? argument{Float8GetDatum(static_cast<double>(facts.idle_limit) / 1e6)} : sql_null;
  (void)run(insert_into[generation], {number,
                                      id,
                                      text_of(record, has_user, record.user_id),
                                      text_of(record, has_agent, record.agent_id),
                                      {varlena_datum(record.data)},
                                      {Int32GetDatum(facts.schema_version)},
                                      {hash_datum(facts.token)},
                                      {TimestampTzGetDatum(facts.created_at)},
                                      {TimestampTzGetDatum(facts.expires_at)},
                                      {TimestampTzGetDatum(facts.absolute_expires_at)},
                                      idle,
                                      text_of(record, has_address, record.address),
                                      text_of(record, has_user_agent, record.user_agent)});
  if (idles)
    (void)run(insert_touch, {number,
                             id,
                             {TimestampTzGetDatum(facts.created_at)},
                             {TimestampTzGetDatum(facts.created_at + facts.idle_limit)}});
}

}  // namespace stash
