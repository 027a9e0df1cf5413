// Typed calls of the cache_* functions.
//
// Through a pool a value is often read on one connection, computed, and stored on another. So
// fetch_or_compute takes a lease with the miss and stores with it: a value that a commit made stale
// meanwhile is not stored. set() without a lease is blind for the server unless `fresh` says that
// the data was read or written in the same transaction.
#pragma once

#include <thread>

#include "stash/cache_calls.hpp"
#include "stash/executor.hpp"

namespace stash {

/// Calls on one namespace. Cheap to copy; refers to what it runs on. `of<R>` is R, what else
/// returns R in the way of the runner: expected<R>, pending<R> in a pipeline, task<R> in a
/// coroutine.
template <typename Run>
class basic_cache {
 public:
  /// What a call that gives an R returns here.
  template <typename R>
  using of = typename Run::template returns<R>;
  using tagged = tagged_entry;
  using page = key_page;

  /// Calls on a client, in a transaction, in a pipeline.
  explicit basic_cache(Run run, std::string name_space = "default")
      : run_(std::move(run)), namespace_(std::move(name_space)) {}

  /// The same calls on another namespace.
  [[nodiscard]] basic_cache in(std::string name_space) const {
    return basic_cache(run_, std::move(name_space));
  }

  /// The value, converted with T's from_json; nothing on a miss.
  template <typename T = json>
  [[nodiscard]] of<std::optional<T>> get(std::string_view key) {
    return run_(calls::cache_get<T>(namespace_, key));
  }
  /// The value as JSON text, not parsed; nothing on a miss.
  [[nodiscard]] of<std::optional<std::string>> get_text(std::string_view key) {
    return run_(calls::cache_get_text(namespace_, key));
  }
  /// A value stored with set_bytes; nothing on a miss.
  [[nodiscard]] of<std::optional<std::vector<std::byte>>> get_bytes(std::string_view key) {
    return run_(calls::cache_get_bytes(namespace_, key));
  }
  /// The entry with its tags, version and end; nothing on a miss.
  [[nodiscard]] of<std::optional<cache_entry>> get_entry(std::string_view key) {
    return run_(calls::cache_get_entry(namespace_, key));
  }
  /// In the order asked, nothing for misses.
  template <typename T = json>
  [[nodiscard]] of<std::vector<std::optional<T>>> get_many(std::span<const std::string> keys) {
    return run_(calls::cache_get_many<T>(namespace_, keys));
  }

  /// Stores a value, converted with its to_json. The new version; nothing when it was refused.
  template <typename T>
  of<std::optional<std::int64_t>> set(std::string_view key, const T& value,
                                      const set_options& options = {}) {
    return run_(calls::cache_set(namespace_, key, json(value).dump(), options));
  }
  /// Stores bytes. The new version; nothing when it was refused.
  of<std::optional<std::int64_t>> set_bytes(std::string_view key, std::span<const std::byte> value,
                                            const set_options& options = {}) {
    return run_(calls::cache_set_bytes(namespace_, key, value, options));
  }
  /// How many were stored.
  of<std::int64_t> set_many(std::span<const std::string> keys, std::span<const json> values,
                            const set_options& options = {}) {
    return run_(calls::cache_set_many(namespace_, keys, values, options));
  }
  /// An object of keys and values; how many were stored.
  of<std::int64_t> set_entries(const json& entries, const set_options& options = {}) {
    return run_(calls::cache_set_entries(namespace_, entries, options));
  }
  /// Stores only when there is none. The new version; nothing when there was one.
  template <typename T>
  of<std::optional<std::int64_t>> add(std::string_view key, const T& value,
                                      const set_options& options = {}) {
    return run_(calls::cache_add(namespace_, key, json(value).dump(), options));
  }
  /// Adds to a counter, which begins at 0; its new value.
  of<std::int64_t> incr(std::string_view key, std::int64_t by = 1,
                        std::optional<seconds> ttl = {}) {
    return run_(calls::cache_incr(namespace_, key, by, ttl));
  }
  /// Gives an entry a new end; false when there is none.
  of<bool> touch(std::string_view key, std::optional<seconds> ttl = {}) {
    return run_(calls::cache_touch(namespace_, key, ttl));
  }
  /// Removes an entry; false when there is none.
  of<bool> erase(std::string_view key) { return run_(calls::cache_delete(namespace_, key)); }
  /// Whether a reader would get it.
  [[nodiscard]] of<bool> exists(std::string_view key) {
    return run_(calls::cache_exists(namespace_, key));
  }

  /// The value, or the right to compute it.
  [[nodiscard]] of<leased_value> get_lease(std::string_view key,
                                           const fetch_options& options = {}) {
    return run_(calls::cache_get_lease(namespace_, key, options));
  }
  /// The value, or what `compute` makes of it when there is none. One caller computes, others wait
  /// for it; a value that a commit made stale meanwhile is returned, not stored. Only where calls
  /// run at once and throw.
  template <typename T, typename Compute>
  requires std::is_same_v<of<T>, T> T fetch_or_compute(std::string_view key, Compute compute,
                                                       const fetch_options& options = {}) {
    const auto deadline = std::chrono::steady_clock::now() + options.patience;
    std::chrono::milliseconds pause{2};
    for (;;) {
      leased_value found = get_lease(key, options);
      if (found.value) return found.value->template get<T>();
      if (found.lease) {
        T value = compute();
        set_options store{options.ttl, options.tags, {}, std::move(found.lease), false};
        (void)set(key, value, store);
        return value;
      }
      if (std::chrono::steady_clock::now() >= deadline) return compute();
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, std::chrono::milliseconds{50});
    }
  }
  /// The first column of the query's first row, cached: all in one call on the server.
  [[nodiscard]] of<json> fetch(std::string_view key, std::string_view query,
                               std::span<const std::string> arguments = {},
                               const set_options& options = {}) {
    return run_(calls::cache_fetch(namespace_, key, query, arguments, options));
  }

  /// The entries that carry one of the tags, or all of them.
  [[nodiscard]] of<std::vector<tagged_entry>> get_by_tags(std::span<const std::string> tags,
                                                          bool match_all = false,
                                                          int max_rows = 1000) {
    return run_(calls::cache_get_by_tags(namespace_, tags, match_all, max_rows));
  }
  /// How many entries carried one of them.
  of<std::int64_t> invalidate_tags(std::span<const std::string> tags) {
    return run_(calls::cache_invalidate_tags(namespace_, tags));
  }
  /// Removes the keys that begin so; how many.
  of<std::int64_t> delete_prefix(std::string_view prefix) {
    return run_(calls::cache_delete_prefix(namespace_, prefix));
  }
  /// Keys that match a glob pattern, "" for all.
  [[nodiscard]] of<key_page> keys(std::string_view pattern,
                                  const std::optional<std::string>& cursor = {},
                                  int max_rows = 1000) {
    return run_(calls::cache_keys(namespace_, pattern, cursor, max_rows));
  }
  /// Removes every entry of the namespace; how many there were.
  of<std::int64_t> clear() { return run_(calls::cache_clear(namespace_)); }
  /// The namespace's figures.
  [[nodiscard]] of<json> info() { return run_(calls::cache_info(namespace_)); }
  /// True; an error of the server when there is no namespace of this name, or no right to it.
  [[nodiscard]] of<bool> namespace_known() { return run_(calls::namespace_known(namespace_)); }

 protected:
  Run run_;
  std::string namespace_;
};

/// The calls of the cache, each at once.
using cache = basic_cache<run_now>;

}  // namespace stash
