// The typed client on a pool: every call takes a connection for as long as it lasts.
//
//   stash::client client({.conninfo = "dbname=app"});
//   client.cache().set("k", 42, {.ttl = stash::seconds{60}});
//   std::optional<int> found = client.cache().get<int>("k");
#pragma once

#include <functional>
#include <memory>
#include <type_traits>

#include "stash/client_options.hpp"
#include "stash/transaction.hpp"

namespace stash {

/// Thread-safe.
class STASH_API client : private executor {
 public:
  /// On a pool of its own.
  explicit client(pool_options pool, client_options options = {});
  /// On a pool that others use as well.
  explicit client(std::shared_ptr<pool> shared, client_options options = {});
  ~client() override;

  /// The calls of the cache, on a namespace.
  [[nodiscard]] stash::cache cache(std::string name_space = "default") {
    return stash::cache(*this, std::move(name_space));
  }
  /// The calls of the sessions.
  [[nodiscard]] stash::sessions sessions() { return stash::sessions(*this); }
  /// The calls of memory snapshots.
  [[nodiscard]] stash::memory memory() { return stash::memory(*this); }
  /// The calls of embeddings.
  [[nodiscard]] stash::vectors vectors() { return stash::vectors(*this); }
  /// The calls of administration.
  [[nodiscard]] stash::admin admin() { return stash::admin(*this); }

  /// The same calls, which return failures as values instead of throwing them.
  [[nodiscard]] nothrow_calls nothrow() { return nothrow_calls(*this); }

  /// Runs `work(transaction&)` and commits; does it all again after a retryable error (40001,
  /// 40P01, a connection lost before COMMIT), with growing, random pauses. What `work` returns is
  /// returned. It must have no effect outside the database, for it may run several times.
  template <typename Work>
  auto transact(Work work, const transaction_options& options = {}) {
    const auto begun = std::chrono::steady_clock::now();
    const auto ended = [&](bool failed, const failure* why, int attempts) {
      report({"BEGIN", std::chrono::steady_clock::now() - begun, failed, why, attempts});
    };
    for (int attempt = 1;; attempt++) {
      bool committing = false;
      try {
        pooled_connection on = acquire();
        transaction mine(*on, options);
        if constexpr (std::is_void_v<decltype(work(mine))>) {
          work(mine);
          committing = true;
          mine.commit();
          ended(false, nullptr, attempt);
          return;
        } else {
          auto value = work(mine);
          committing = true;
          mine.commit();
          ended(false, nullptr, attempt);
          return value;
        }
      } catch (const error& failed) {
        // A COMMIT whose answer was lost may have happened: doing it again could do it twice.
        const bool unknown = committing && failed.connection_lost();
        if (!failed.retryable() || unknown || attempt >= options.attempts) {
          ended(true, &failed.why(), attempt);
          throw;
        }
      } catch (...) {
        ended(true, nullptr, attempt);
        throw;
      }
      pause_before_retry(attempt, options);
    }
  }

  /// The pool, for SQL of one's own and for its figures.
  [[nodiscard]] pool& connections() noexcept { return *connections_; }
  /// Counts, errors and times of the calls.
  [[nodiscard]] call_statistics& statistics() noexcept { return *options_.statistics; }
  /// All figures in Prometheus' text exposition format, of the pool and of the calls, with `name`
  /// as their label.
  [[nodiscard]] std::string to_prometheus(const std::string& name) const;

 private:
  result execute(std::string_view sql, const parameters& values, bool again) override;
  expected<result> try_execute(std::string_view sql, const parameters& values, bool again) override;
  STASH_LOCAL expected<result> execute_once(std::string_view sql, const parameters& values,
                                            std::chrono::steady_clock::time_point& now);
  void report(const call_metrics& one) noexcept;
  template <typename Take>
  STASH_LOCAL auto patiently(Take take);
  [[nodiscard]] pooled_connection acquire();
  static void pause_before_retry(int attempt, const transaction_options& options);

  std::shared_ptr<pool> connections_;
  client_options options_;
};

}  // namespace stash
