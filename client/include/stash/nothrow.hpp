// The calls for those who do not want exceptions.
#pragma once

#include "stash/admin.hpp"
#include "stash/cache.hpp"
#include "stash/memory.hpp"
#include "stash/sessions.hpp"
#include "stash/vectors.hpp"

namespace stash {

/// Calls that return expected<R>: for loops in which an exception would cost too much. Refers to
/// its client or transaction.
class nothrow_calls {
 public:
  /// Made by client::nothrow() and transaction::nothrow().
  explicit nothrow_calls(executor& where) : where_(&where) {}
  /// The calls of the cache, on a namespace.
  [[nodiscard]] basic_cache<run_nothrow> cache(std::string name_space = "default") const {
    return basic_cache<run_nothrow>(*where_, std::move(name_space));
  }
  /// The calls of the sessions.
  [[nodiscard]] basic_sessions<run_nothrow> sessions() const {
    return basic_sessions<run_nothrow>(*where_);
  }
  /// The calls of memory snapshots.
  [[nodiscard]] basic_memory<run_nothrow> memory() const {
    return basic_memory<run_nothrow>(*where_);
  }
  /// The calls of embeddings.
  [[nodiscard]] basic_vectors<run_nothrow> vectors() const {
    return basic_vectors<run_nothrow>(*where_);
  }
  /// The calls of administration.
  [[nodiscard]] basic_admin<run_nothrow> admin() const { return basic_admin<run_nothrow>(*where_); }
  /// A statement of one's own.
  template <typename... Values>
  expected<result> execute(std::string_view sql, const Values&... values) const {
    parameters all;
    (all.add(values), ...);
    return where_->try_execute(sql, all, false);
  }

 private:
  executor* where_;
};

}  // namespace stash
