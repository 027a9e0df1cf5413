// Connections for the session tables: one operation is what one request of a web application asks
// of its session store, in PostgreSQL a statement or several, one round trip after another, in
// Redis two commands in one.
#pragma once

#include <string>
#include <vector>

#include "pg_connection.hpp"
#include "redis_socket.hpp"
#include "session_parts.hpp"

namespace stash::bench {

struct session_step {
  std::string sql;
  std::vector<part> parameters;  // $1, $2, …, as text
  verdict expect = verdict::value;
};

class pg_session_connection final : public connection {
 public:
  pg_session_connection(pg_session& session, std::vector<session_step> steps, token_list tokens);

  int descriptor() const override { return PQsocket(handle_); }
  void send(key_space& keys, random_source& random) override;
  bool receive(tally& counts) override;

 private:
  void send_step();
  [[noreturn]] void fail(const std::string& what) const;

  pg_session& session_;
  PGconn* handle_;
  std::vector<session_step> steps_;
  std::vector<std::string> names_;
  session_parts parts_;
  std::size_t at_ = 0;  // the step under way
  bool good_ = true;
};

// A hash with the user, the data, the address and the browser of a session, and EXPIRE.
enum class redis_session_request {
  read,    // HGETALL, EXPIRE
  create,  // HSET, EXPIRE: a new token
  fill,    // the same for a token that exists in the list
};

class redis_session_connection final : public connection {
 public:
  redis_session_connection(const std::string& socket_path, redis_session_request what,
                           token_list tokens)
      : what_(what), socket_(socket_path), parts_(std::move(tokens)) {}

  int descriptor() const override { return socket_.descriptor(); }
  void send(key_space& keys, random_source& random) override;
  bool receive(tally& counts) override;

 private:
  redis_session_request what_;
  redis_socket socket_;
  session_parts parts_;
  std::string request_;
  int awaited_ = 0;  // reply elements that the request under way still lacks
  bool has_value_ = false;
  bool expires_ = false;
};

}  // namespace stash::bench
