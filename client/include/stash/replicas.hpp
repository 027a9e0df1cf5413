// Reads from standbys, for those that may be a little old.
//
//   stash::client client({.conninfo = "host=primary dbname=app"});
//   stash::replicas replicas(client, {.pools = {{.conninfo = "host=standby1 dbname=app"},
//                                               {.conninfo = "host=standby2 dbname=app"}}});
//   auto page = replicas.sessions().list({.user_id = "ann"});
//   auto rows = replicas.read("SELECT count(*) FROM orders");
//
// Nothing here sees what the caller wrote a moment ago: such reads belong to the client, and so
// does whatever decides on access, as a token. The cache is not read here either: a standby has one
// of its own, which commits do not invalidate.
#pragma once

#include "stash/client.hpp"
#include "stash/replica_calls.hpp"

namespace stash {

/// Which standbys, and how old what they say may be.
struct replica_options {
  /// One for each standby. A pool whose connections reach several servers would hide which one is
  /// behind.
  std::vector<pool_options> pools = {};
  /// What a standby says misses no commit that was acknowledged longer ago. One that is further
  /// behind, or of which that cannot be said because the primary does not answer, is not asked.
  /// milliseconds::max(): any age will do, also while there is no primary.
  std::chrono::milliseconds max_staleness{5'000};
  /// How often primary and standby are asked how far they are; a part of max_staleness.
  std::chrono::milliseconds check_every{1'000};
  /// One that failed is left alone for so long.
  std::chrono::milliseconds avoid_for{5'000};
};

/// A standby, in the order of the pools.
struct replica_status {
  /// It would be asked now.
  bool usable = false;
  /// What it says is at most so old, as far as is known; nothing: not known.
  std::optional<std::chrono::nanoseconds> staleness = {};
  /// Reads that it answered, and that failed there and were done elsewhere.
  std::uint64_t reads = 0;
  std::uint64_t failures = 0;
};

/// Thread-safe. Each read goes to the next standby that is fit; when there is none, to the primary,
/// in a transaction that is read only.
class STASH_API replicas : private executor {
 public:
  /// The client must outlive it. Standbys may be down. Errors: usage_error.
  replicas(client& primary, replica_options options);
  ~replicas() override;

  /// The reading calls of the sessions.
  [[nodiscard]] replica_sessions sessions() { return replica_sessions(*this); }
  /// The reading calls of memory snapshots.
  [[nodiscard]] replica_memory memory() { return replica_memory(*this); }
  /// The searches by embedding.
  [[nodiscard]] replica_vectors vectors() { return replica_vectors(*this); }
  /// A SELECT of your own. What writes is an error of the server, 25006, wherever it is done.
  template <typename... Values>
  [[nodiscard]] result read(std::string_view sql, const Values&... values) {
    parameters all;
    (all.add(values), ...);
    return execute(sql, all, true);
  }

  /// How the standbys are.
  [[nodiscard]] std::vector<replica_status> status() const;
  /// Reads that the primary had to answer.
  [[nodiscard]] std::uint64_t reads_on_primary() const;

 private:
  struct standby;
  struct state;
  result execute(std::string_view sql, const parameters& values, bool again) override;
  bool fit(standby& one);
  void check(standby& one);
  void sample_primary();

  std::unique_ptr<state> state_;
};

}  // namespace stash
