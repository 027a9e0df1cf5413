// See table.hpp. A session that is not where it was sought may have been moved to the other
// generation meanwhile: one snapshot shows it in exactly one of them, but whoever waited for a lock
// has to look again.
#include "session/table.hpp"

#include "boundary/pause_point.hpp"
#include "session/live_touch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

#define SESSION_COLUMNS                                                                     \
  "SELECT s.id, s.token_hash, s.previous_token_hash, s.previous_valid_until, s.version,"    \
  " s.schema_version, s.created_at, s.updated_at, s.seen_at, s.expires_at,"                 \
  " s.absolute_expires_at, s.idle_ttl, s.data, s.user_id, s.agent_id, s.ip, s.user_agent,"  \
  " (SELECT t.touched_at FROM stash.session_touch t WHERE t.id OPERATOR(pg_catalog.=) s.id" \
  " LIMIT 1) FROM stash.session s WHERE "

enum column : int {
  id = 1,
  token,
  previous_token,
  previous_until,
  version,
  schema_version,
  created_at,
  updated_at,
  seen_at,
  expires_at,
  absolute_expires_at,
  idle_ttl,
  data,
  user_id,
  agent_id,
  address,
  user_agent,
  touched_at,
};

statement by_id{SESSION_COLUMNS "s.id OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}};
statement by_token{SESSION_COLUMNS "s.token_hash OPERATOR(pg_catalog.=) $1", 1, {BYTEAOID}};
statement by_previous_token{
    SESSION_COLUMNS "s.previous_token_hash OPERATOR(pg_catalog.=) $1", 1, {BYTEAOID}};
statement by_id_locked{
    SESSION_COLUMNS "s.id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE OF s", 1, {UUIDOID}};

#undef SESSION_COLUMNS

template <typename T>
T number(Datum value, bool null, T standard) {
  return null ? standard : static_cast<T>(DatumGetInt64(value));
}

timestamp moment(int which) {
  bool null = false;
  return number<timestamp>(result(0, which, &null), null, 0);
}

token_hash hash_of(int which) {
  token_hash hash{};
  bool null = false;
  const Datum value = result(0, which, &null);
  if (null) return hash;
  const bytea* bytes = DatumGetByteaPP(value);
  if (VARSIZE_ANY_EXHDR(bytes) == hash.size())
    std::memcpy(hash.data(), VARDATA_ANY(bytes), hash.size());
  return hash;
}

std::string_view varlena_of(int which, session_facts* facts, std::uint32_t bit) {
  bool null = false;
  const Datum value = result(0, which, &null);
  if (null) return {};
  facts->present |= bit;
  const varlena* plain = PG_DETOAST_DATUM_PACKED(value);
  return {VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain)};
}

// The first row of the last run. Its texts live as long as SPI's memory.
session_record record_of_result(timestamp read_at) {
  session_record record;
  session_facts& facts = record.facts;
  bool null = false;
  facts.id = session_id_of(result(0, id, &null));
  facts.token = hash_of(token);
  facts.previous_token = hash_of(previous_token);
  facts.previous_until = moment(previous_until);
  facts.version = DatumGetInt64(result(0, version, &null));
  facts.schema_version = DatumGetInt32(result(0, schema_version, &null));
  facts.created_at = moment(created_at);
  facts.updated_at = moment(updated_at);
  facts.seen_at = Max(moment(seen_at), moment(touched_at));
  facts.expires_at = moment(expires_at);
  facts.absolute_expires_at = moment(absolute_expires_at);
  const Datum idle = result(0, idle_ttl, &null);
  facts.idle_limit = null ? never : moment_after(0, DatumGetFloat8(idle));
  facts.read_at = read_at;
  record.data = varlena_of(data, &facts, 0);
  record.user_id = varlena_of(user_id, &facts, has_user);
  record.agent_id = varlena_of(agent_id, &facts, has_agent);
  record.address = varlena_of(address, &facts, has_address);
  record.user_agent = varlena_of(user_agent, &facts, has_user_agent);
  return record;
}

// What the last find read.
std::string* buffer() {
  static std::string* bytes = new std::string;
  return bytes;
}

std::string* fresh_buffer() {
  std::string* bytes = buffer();
  // One huge session must not keep its memory for the backend's life.
  if (bytes->capacity() > (std::size_t{1} << 20)) {
    bytes->clear();
    bytes->shrink_to_fit();
  }
  return bytes;
}

// Runs the statement; keeps what it found in the buffer.
bool find(statement& how, Datum key, bool read_only) {
  constexpr int attempts = 4;
  session_record record;
  for (int attempt = 1;; attempt++) {
    const timestamp before = GetCurrentTimestamp();
    if (run(how, {{key}}, read_only) == 0) return false;
    pause_here(pause_point::session_row);
    record = record_of_result(before);
    // A touch may have been written down behind the snapshot, and have left memory by now.
    if (touch_is_exact(record.facts) || attempt == attempts) break;
  }
  record.facts.seen_at = freshest_touch(record.facts);
  encode(record, fresh_buffer());
  return true;
}

}  // namespace

std::optional<session_record> read_table(const session_lookup& what, std::string_view* bytes) {
  const as_owner owner;
  bool found = false;
  if (what.by == lookup_by::id)
    found = find(by_id, uuid_datum(what.id), true);
  else
    found = find(by_token, hash_datum(what.token), true) ||
            find(by_previous_token, hash_datum(what.token), true);
  owner.finish();
  if (!found) return std::nullopt;
  *bytes = *buffer();
  auto record = decode_session(*bytes);
  if (record && what.by == lookup_by::token &&
      !token_matches(record->facts, what.token, GetCurrentTimestamp()))
    return std::nullopt;
  return record;
}

std::optional<session_record> lock_session(const session_id& id) {
  const as_owner owner;
  const Datum key = uuid_datum(id);
  bool found = find(by_id_locked, key, false);
  // It was moved while we waited, or it is gone. It moves at most once in a long time.
  for (int attempt = 0; !found && attempt < 3 && find(by_id, key, true); attempt++)
    found = find(by_id_locked, key, false);
  owner.finish();
  return found ? decode_session(*buffer()) : std::nullopt;
}

Datum uuid_datum(const session_id& id) {
  auto* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
  std::memcpy(uuid->data, id.bytes.data(), UUID_LEN);
  return UUIDPGetDatum(uuid);
}

Datum varlena_datum(std::string_view bytes) {
  auto* value = static_cast<varlena*>(palloc(VARHDRSZ + bytes.size()));
  SET_VARSIZE(value, VARHDRSZ + bytes.size());
  std::memcpy(VARDATA(value), bytes.data(), bytes.size());
  return PointerGetDatum(value);
}

Datum hash_datum(const token_hash& hash) {
  return varlena_datum({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

session_id session_id_of(Datum uuid) {
  session_id id;
  std::memcpy(id.bytes.data(), DatumGetUUIDP(uuid)->data, UUID_LEN);
  return id;
}

}  // namespace stash
