// Where the typed calls run: on a pool, each on a connection of its own, or in one transaction.
//
// A group of calls, as basic_cache, is a template over a runner. A runner is small, is copied, and
// has two members: returns<R>, what running a call<R> gives, and operator(), which runs it.
#pragma once

#include "stash/call.hpp"
#include "stash/connection.hpp"

namespace stash {

/// What the typed calls run on: a client, or a transaction.
class STASH_API executor {
 public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  virtual ~executor() = default;
  /// Runs one statement. `again`: it may be done once more when the connection breaks under it, for
  /// it changes nothing.
  virtual result execute(std::string_view sql, const parameters& values, bool again) = 0;
  /// The same, with a failure as a value. Throws only what is no stash::error, as std::bad_alloc.
  virtual expected<result> try_execute(std::string_view sql, const parameters& values, bool again) {
    try {
      return execute(sql, values, again);
    } catch (const error& failed) {
      return failed.why();
    }
  }
};

namespace detail {
// What `read` returns; what it throws of ours and of the JSON library becomes a failure.
template <typename R, typename Read>
expected<R> without_throwing(const Read& read) {
  try {
    if constexpr (std::is_void_v<R>) {
      read();
      return {};
    } else {
      return read();
    }
  } catch (const error& failed) {
    return failed.why();
  } catch (const json::exception& failed) {
    return failure(failure_kind::value, failed.what());
  }
}
}  // namespace detail

/// Reads an answer; what its decoder throws becomes a failure.
template <typename R>
expected<R> try_decode(const call<R>& one, const result& rows) {
  return detail::without_throwing<R>([&] { return one.decode(rows); });
}

/// Runs calls at once; errors are thrown.
class run_now {
 public:
  /// The executor must outlive it.
  run_now(executor& where) : where_(&where) {}
  template <typename R>
  using returns = R;
  /// Runs a call.
  template <typename R>
  R operator()(const call<R>& one) const {
    return one.decode(where_->execute(one.sql, one.values, one.again));
  }

 private:
  executor* where_;
};

/// Runs calls at once; errors are returned.
class run_nothrow {
 public:
  /// The executor must outlive it.
  run_nothrow(executor& where) : where_(&where) {}
  template <typename R>
  using returns = expected<R>;
  /// Runs a call.
  template <typename R>
  expected<R> operator()(const call<R>& one) const {
    const expected<result> rows = where_->try_execute(one.sql, one.values, one.again);
    if (!rows) return rows.error();
    return try_decode(one, *rows);
  }

 private:
  executor* where_;
};

}  // namespace stash
