// Who runs against whom: pg_stash, the floor of PostgreSQL's protocol (the same bytes in and out,
// nothing done), an unlogged table, Redis, Valkey. Each knows how to read, write and be filled.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "load.hpp"
#include "pg_connection.hpp"
#include "redis_connection.hpp"

namespace stash::bench {

// floor_jsonb: the floor of a set whose value PostgreSQL reads as jsonb, as it does for pg_stash.
enum class system_id { stash, floor, floor_jsonb, table, redis, valkey };
enum class operation { get, set };

const char* name_of(system_id system);
const char* name_of(operation what);
bool is_postgres(system_id system);

// Where the servers listen; an empty socket means that the system takes no part.
struct servers {
  std::string conninfo;
  std::string redis_socket;
  std::string valkey_socket;

  bool has(system_id system) const;
  const std::string& socket_of(system_id system) const;
  // Those of `wanted` that take part, in that order.
  std::vector<system_id> present(const std::vector<system_id>& wanted) const;
};

struct request_shape {
  int batch = 1;
  int pipeline = 1;
};

using session_list = std::vector<std::unique_ptr<pg_session>>;

session_list open_sessions(const servers& where, int clients);

statement statement_of(system_id system, operation what, request_shape shape = {});

// One connection a session for PostgreSQL; as many new ones for the others.
connection_list connect(const servers& where, system_id system, operation what, request_shape shape,
                        const session_list& sessions);
connection_list connect(const session_list& sessions, const statement& what);

// Makes the extension and the table that the benchmarks use.
void prepare_database(pg_session& session);

// Writes keys 0 … count-1 into `system` (the floor keeps nothing) and checks that all were
// accepted. `options` are further arguments of stash.cache_set_many.
void fill(const servers& where, system_id system, std::uint64_t count,
          const std::string& options = "fresh => true");

}  // namespace stash::bench
