// Many statements on their way at once, over libpq's pipeline mode: one round trip instead of one
// each. Results come in the order in which the statements were added.
//
//   auto connection = pool.acquire();
//   stash::pipeline batch(*connection);
//   for (const auto& key : keys) batch.add("SELECT stash.cache_get($1)", key);
//   for (stash::result& each : batch.run()) …
#pragma once

#include <optional>
#include <vector>

#include "stash/connection.hpp"

namespace stash {

/// Not thread-safe. All statements of a run() are one transaction of the server, unless they begin
/// and end their own: when one fails, none has an effect.
class STASH_API pipeline {
 public:
  /// The connection must outlive the pipeline.
  explicit pipeline(connection& on) : on_(&on) {}
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;

  template <typename... Values>
  pipeline& add(std::string_view sql, const Values&... values) {
    parameters all;
    (all.add(values), ...);
    return add_with(sql, std::move(all));
  }
  /// The same with parameters that are there already.
  pipeline& add_with(std::string_view sql, parameters values);
  /// How many statements wait for run().
  [[nodiscard]] std::size_t size() const { return statements_.size(); }

  /// Sends everything and waits for every result; the pipeline is empty then, also after an error.
  /// The first error is thrown after the connection is in order again.
  std::vector<result> run();

 private:
  struct entry {
    std::string sql;
    parameters values;
  };
  void send_all(const std::vector<entry>& statements, const std::vector<const std::string*>& names);
  std::optional<server_error> receive_all(std::size_t count, std::vector<result>* results);

  connection* on_;
  std::vector<entry> statements_;
};

}  // namespace stash
