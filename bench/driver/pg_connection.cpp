// See pg_connection.hpp. Requests are small against a socket's buffer and one is under way at a
// time, so sending blocks (libpq's default mode) and only replies go through the event loop.
#include "pg_connection.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace stash::bench {

namespace {

constexpr Oid text_oid = 25;
constexpr Oid jsonb_oid = 3802;
constexpr Oid text_array_oid = 1009;
constexpr Oid jsonb_array_oid = 3807;
constexpr char jsonb_version = 1;

void append_int(std::string& out, std::uint32_t number) {
  const std::uint32_t wire = htonl(number);
  out.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

std::int32_t read_int(const char* at) {
  std::uint32_t wire;
  std::memcpy(&wire, at, sizeof wire);
  return static_cast<std::int32_t>(ntohl(wire));
}

// The header of a one-dimensional array in PostgreSQL's binary format.
void start_array(std::string& out, Oid element, int length) {
  out.clear();
  append_int(out, 1);
  append_int(out, 0);
  append_int(out, element);
  append_int(out, static_cast<std::uint32_t>(length));
  append_int(out, 1);
}

// Elements that are there and not NULL, in a binary one-dimensional array.
int count_elements(const char* data, int size) {
  constexpr int header = 20;
  if (size < header || read_int(data) != 1) return 0;
  const bool has_nulls = read_int(data + 4) != 0;
  const int length = read_int(data + 12);
  if (!has_nulls) return length;
  int found = 0;
  int at = header;
  for (int i = 0; i < length; i++) {
    const int element = read_int(data + at);
    at += 4;
    if (element >= 0) {
      found++;
      at += element;
    }
  }
  return found;
}

bool has_value(const PGresult* result) {
  return PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
}

}  // namespace

bool meets(const PGresult* result, verdict expected) {
  switch (expected) {
    case verdict::value:
      return has_value(result) && PQgetlength(result, 0, 0) == value_size;
    case verdict::not_null:
      return has_value(result);
    case verdict::command:
      return std::strcmp(PQcmdTuples(const_cast<PGresult*>(result)), "1") == 0;
    case verdict::array:
    case verdict::count:
    case verdict::any:
      break;
  }
  return true;
}

pg_session::pg_session(const std::string& conninfo) : handle_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(handle()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(handle()));
}

std::string pg_session::query(const std::string& sql) {
  set_pipeline(false);
  const pg_result result(PQexec(handle(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return "";
  if (status != PGRES_TUPLES_OK) throw std::runtime_error(sql + ": " + PQerrorMessage(handle()));
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string pg_session::prepare(const statement& what) {
  const bool many = what.batch > 1;
  const Oid value = what.value_type ? what.value_type : jsonb_oid;
  const Oid types[] = {many ? text_array_oid : text_oid, many ? jsonb_array_oid : value};
  return prepare(what.sql, {types, what.takes_value ? 2u : 1u});
}

std::string pg_session::prepare(const std::string& sql, std::span<const Oid> types) {
  const auto known = std::find(prepared_.begin(), prepared_.end(), sql);
  const std::string name = "bench_" + std::to_string(known - prepared_.begin());
  if (known != prepared_.end()) return name;
  set_pipeline(false);
  const pg_result result(
      PQprepare(handle(), name.c_str(), sql.c_str(), static_cast<int>(types.size()), types.data()));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    throw std::runtime_error(sql + ": " + PQerrorMessage(handle()));
  }
  prepared_.push_back(sql);
  return name;
}

void pg_session::set_pipeline(bool on) {
  const bool is_on = PQpipelineStatus(handle()) != PQ_PIPELINE_OFF;
  if (is_on == on) return;
  if (!(on ? PQenterPipelineMode(handle()) : PQexitPipelineMode(handle()))) {
    throw std::runtime_error(PQerrorMessage(handle()));
  }
}

pg_connection::pg_connection(pg_session& session, statement what)
    : session_(session), handle_(session.handle()), what_(std::move(what)) {
  name_ = session.prepare(what_);
}

void pg_connection::fail(const std::string& what) const {
  throw std::runtime_error(what_.sql + ": " + what);
}

void pg_connection::send(key_space& keys, random_source& random) {
  session_.set_pipeline(what_.pipeline > 1);
  if (what_.batch > 1) {
    send_batch(keys, random);
  } else if (what_.pipeline > 1) {
    send_pipeline(keys, random);
  } else {
    send_one(keys, random);
  }
}

void pg_connection::send_pipeline(key_space& keys, random_source& random) {
  awaited_syncs_ = 0;
  for (int i = 0; i < what_.pipeline; i++) {
    send_one(keys, random);
    if (!what_.own_transactions && i + 1 < what_.pipeline) continue;
    if (!PQpipelineSync(handle_)) fail(PQerrorMessage(handle_));
    awaited_syncs_++;
  }
}

void pg_connection::send_one(key_space& keys, random_source& random) {
  char key[key_size + 1];
  write_key(key, keys.pick(random));
  key[key_size] = '\0';
  const char* const values[] = {key, what_.takes_value ? pick_value(random).data() : nullptr};
  if (!PQsendQueryPrepared(handle_, name_.c_str(), what_.takes_value ? 2 : 1, values, nullptr,
                           nullptr, 0)) {
    fail(PQerrorMessage(handle_));
  }
}

void pg_connection::send_batch(key_space& keys, random_source& random) {
  char key[key_size];
  start_array(keys_buffer_, text_oid, what_.batch);
  for (int i = 0; i < what_.batch; i++) {
    write_key(key, keys.pick(random));
    append_int(keys_buffer_, key_size);
    keys_buffer_.append(key, key_size);
  }
  if (what_.takes_value) {
    start_array(values_buffer_, jsonb_oid, what_.batch);
    for (int i = 0; i < what_.batch; i++) {
      append_int(values_buffer_, value_size + 1);
      values_buffer_ += jsonb_version;
      values_buffer_ += pick_value(random);
    }
  }
  const char* const values[] = {keys_buffer_.data(), values_buffer_.data()};
  const int lengths[] = {static_cast<int>(keys_buffer_.size()),
                         static_cast<int>(values_buffer_.size())};
  const int formats[] = {1, 1};
  if (!PQsendQueryPrepared(handle_, name_.c_str(), what_.takes_value ? 2 : 1, values, lengths,
                           formats, 1)) {
    fail(PQerrorMessage(handle_));
  }
}

bool pg_connection::receive(tally& counts) {
  if (!PQconsumeInput(handle_)) fail(PQerrorMessage(handle_));
  while (!PQisBusy(handle_)) {
    const pg_result result(PQgetResult(handle_));
    if (!result) {
      // Outside a pipeline the end of the request; inside one only the end of a statement.
      if (what_.pipeline == 1) return true;
      continue;
    }
    if (PQresultStatus(result.get()) != PGRES_PIPELINE_SYNC) {
      judge(result.get(), counts);
    } else if (--awaited_syncs_ == 0) {
      return true;
    }
  }
  return false;
}

void pg_connection::judge(const PGresult* result, tally& counts) const {
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(PQresultErrorMessage(result));
  int good = 0;
  switch (what_.expect) {
    case verdict::value:
    case verdict::not_null:
    case verdict::command:
      good = meets(result, what_.expect);
      break;
    case verdict::array:
      if (has_value(result)) {
        good = count_elements(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0));
      }
      break;
    case verdict::count:
      if (has_value(result)) good = read_int(PQgetvalue(result, 0, 0));
      break;
    case verdict::any:
      good = what_.batch;
      break;
  }
  counts.operations += static_cast<std::uint64_t>(what_.batch);
  counts.rejected += static_cast<std::uint64_t>(what_.batch - good);
}

}  // namespace stash::bench
