// The C++ client beside what one would write by hand: one thread, one connection, one request after
// another, or 100 of them at once. Each of these is a contestant of the table `client`.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "contestants.hpp"
#include "series.hpp"

namespace stash {
class client;
}

namespace stash::bench {

inline constexpr int client_pipeline = 100;

// What a get gives back: the text of the value, or the value itself, parsed by nlohmann::json.
enum class value_form { text, parsed };

// The typed client on a pool of one connection. Its pool waits in line for nobody.
std::shared_ptr<stash::client> connect_client(const servers& where, std::size_t connections = 1);

contestant client_gets(const std::shared_ptr<stash::client>& on, value_form form);
// Typed calls; and statements of one's own, whose results are read once they are all there.
contestant client_pipelines(const std::shared_ptr<stash::client>& on, value_form form);
contestant client_pipelines_of_sql(const std::shared_ptr<stash::client>& on);

// libpq with a prepared statement, binary parameters and binary results, on the client's own
// connection: in the same process of the server, for where that runs matters more than anything
// here.
contestant libpq_gets(const std::shared_ptr<stash::client>& on, value_form form);
// As the typed calls do, it leaves 100 values to whoever asked; and one that looks at each result
// and lets it go.
contestant libpq_pipelines(const std::shared_ptr<stash::client>& on, value_form form);
contestant libpq_pipelines_of_sql(const std::shared_ptr<stash::client>& on);

// hiredis with GET.
contestant hiredis_gets(const servers& where, value_form form);
contestant hiredis_pipelines(const servers& where, value_form form);

// The processes that answer: the one behind the client's connection, and Redis.
std::vector<pid_t> serving_processes(const servers& where,
                                     const std::shared_ptr<stash::client>& on);

}  // namespace stash::bench
