// The calls that a standby can answer: those that only read tables. See stash/replicas.hpp.
#pragma once

#include "stash/memory.hpp"
#include "stash/sessions.hpp"
#include "stash/vectors.hpp"

namespace stash {

/// The reading calls of the sessions. None counts as use of a session.
class STASH_API replica_sessions {
 public:
  /// Made by replicas.
  explicit replica_sessions(executor& where) : calls_(where) {}
  /// As the same calls of sessions.
  [[nodiscard]] std::optional<session> get(std::string_view id) { return calls_.get(id, false); }
  [[nodiscard]] std::vector<session> list(const session_filter& filter,
                                          std::optional<bool> active = true,
                                          const std::optional<std::string>& after = {},
                                          int max_rows = 100) {
    return calls_.list(filter, active, after, max_rows);
  }
  [[nodiscard]] std::int64_t active_count(const session_filter& filter = {}) {
    return calls_.active_count(filter);
  }
  [[nodiscard]] std::vector<ended_session> history(const std::optional<std::string>& user_id = {},
                                                   std::optional<time_point> since = {},
                                                   std::optional<time_point> until = {},
                                                   int max_rows = 100) {
    return calls_.history(user_id, since, until, max_rows);
  }
  [[nodiscard]] std::vector<session_bucket> analytics(std::optional<time_point> since = {},
                                                      std::optional<time_point> until = {},
                                                      seconds bucket = seconds{3600}) {
    return calls_.analytics(since, until, bucket);
  }

 private:
  stash::sessions calls_;
};

/// The reading calls of memory snapshots, as those of memory.
class STASH_API replica_memory : private stash::memory {
 public:
  /// Made by replicas.
  explicit replica_memory(executor& where) : stash::memory(where) {}
  using stash::memory::diff;
  using stash::memory::export_history;
  using stash::memory::get;
  using stash::memory::get_at;
  using stash::memory::history;
  using stash::memory::list;
  using stash::memory::search;
  using stash::memory::search_nearest;
  using stash::memory::search_text;
  using stash::memory::statistics;
};

/// The searches of embeddings, as those of vectors. search() asks Weaviate from the standby: what
/// it knows may be younger than the rows there.
class STASH_API replica_vectors : private stash::vectors {
 public:
  /// Made by replicas.
  explicit replica_vectors(executor& where) : stash::vectors(where) {}
  using stash::vectors::distance;
  using stash::vectors::property_type;
  using stash::vectors::search;
  using stash::vectors::search_local;
};

}  // namespace stash
