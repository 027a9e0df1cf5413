// Connections to PostgreSQL through libpq: the client that applications use.
//
// A pg_session is one server connection; several pg_connections (one a statement) may share it, as
// long as one run at a time uses it: so the contestants of a table run in the same backends.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "connection.hpp"

namespace stash::bench {

// How a result tells a hit or an accepted write from a miss or a refusal.
enum class verdict {
  value,     // one row of value_size bytes
  not_null,  // one row, not NULL
  command,   // the command succeeded and touched one row
  array,     // one array (binary), as many elements as keys, none of them NULL
  count,     // one int4 (binary): how many of the batch were accepted
  any,       // any result
};

struct statement {
  std::string sql;
  bool takes_value = false;  // $2 is the value; $1 is always the key
  verdict expect = verdict::value;
  int batch = 1;     // more than 1: $1 is text[] and $2 jsonb[], parameters and results binary
  int pipeline = 1;  // statements under way together
  bool own_transactions = false;  // in a pipeline: a Sync after each statement, not one for all
  Oid value_type = 0;             // of $2 when it is not jsonb
};

struct pg_result_closer {
  void operator()(PGresult* result) const { PQclear(result); }
};
using pg_result = std::unique_ptr<PGresult, pg_result_closer>;

// For the verdicts on one operation: not `array` and `count`.
bool meets(const PGresult* result, verdict expected);

class pg_session {
 public:
  explicit pg_session(const std::string& conninfo);

  PGconn* handle() const { return handle_.get(); }
  // Runs a statement to its end and returns the first column of its first row, or "".
  std::string query(const std::string& sql);
  // Prepares a statement unless it already is, and returns its name. The server finds out the types
  // of parameters that are not given.
  std::string prepare(const statement& what);
  std::string prepare(const std::string& sql, std::span<const Oid> types = {});
  void set_pipeline(bool on);

 private:
  struct closer {
    void operator()(PGconn* handle) const { PQfinish(handle); }
  };
  std::unique_ptr<PGconn, closer> handle_;
  std::vector<std::string> prepared_;  // statement number i is named "bench_<i>"
};

class pg_connection final : public connection {
 public:
  pg_connection(pg_session& session, statement what);

  int descriptor() const override { return PQsocket(handle_); }
  void send(key_space& keys, random_source& random) override;
  bool receive(tally& counts) override;

 private:
  void send_one(key_space& keys, random_source& random);
  void send_pipeline(key_space& keys, random_source& random);
  void send_batch(key_space& keys, random_source& random);
  void judge(const PGresult* result, tally& counts) const;
  [[noreturn]] void fail(const std::string& what) const;

  pg_session& session_;
  PGconn* handle_;
  statement what_;
  std::string name_;
  std::string keys_buffer_;
  std::string values_buffer_;
  int awaited_syncs_ = 0;
};

}  // namespace stash::bench
