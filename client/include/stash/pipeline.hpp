// Many statements on their way at once, over libpq's pipeline mode: one round trip instead of one
// each.
//
//   auto connection = pool.acquire();
//   stash::pipeline batch(*connection);
//   std::vector<stash::pending<std::optional<user>>> found;
//   for (const auto& key : keys) found.push_back(batch.cache().get<user>(key));
//   batch.run();
//   found[0].get();
#pragma once

#include "stash/batch.hpp"

namespace stash {

/// Not thread-safe. All statements of a run() are one transaction of the server, unless they begin
/// and end their own: when one fails, none has an effect.
class STASH_API pipeline : public batch {
 public:
  /// The connection must outlive the pipeline.
  explicit pipeline(connection& on) : on_(&on) {}

  /// As batch::add(), for more behind it: batch.add(…).add(…).run().
  template <typename... Values>
  pipeline& add(std::string_view sql, const Values&... values) {
    batch::add(sql, values...);
    return *this;
  }

  /// Sends everything and waits for every result; the pipeline is empty then, also after an error.
  /// Returns the results of what was added by add(), in that order. The first error is thrown after
  /// the connection is in order again; handles know it too. Behind the time-out, if there is one,
  /// what runs is cancelled (timeout_error).
  std::vector<result> run(std::optional<std::chrono::milliseconds> timeout = std::nullopt);

 private:
  connection* on_;
};

}  // namespace stash
