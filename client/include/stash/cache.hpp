// Typed calls of the cache_* functions.
//
// Through a pool a value is often read on one connection, computed, and stored on another. So
// fetch_or_compute takes a lease with the miss and stores with it: a value that a commit made stale
// meanwhile is not stored. set() without a lease is blind for the server unless `fresh` says that
// the data was read or written in the same transaction.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "stash/executor.hpp"

namespace stash {

/// How to store.
struct set_options {
  /// Unset: the namespace's default. infinity: never.
  std::optional<seconds> ttl = {};
  /// What the value depends on; invalidate_tags removes it.
  std::vector<std::string> tags = {};
  /// Store only when the key has this version; 0: only when it does not exist.
  std::optional<std::int64_t> if_version = {};
  /// The lease that came with the miss.
  std::optional<std::string> lease = {};
  /// The value was read or written in this very transaction.
  bool fresh = false;
};

/// How to fetch and store.
struct fetch_options {
  std::optional<seconds> ttl = {};
  std::vector<std::string> tags = {};
  /// How long others wait for the one that computes.
  seconds lease_ttl{10};
  /// How long after its end a value may still be given to those who do not compute.
  seconds stale_ttl{0};
  /// How long to wait for another caller before computing without storing.
  std::chrono::milliseconds patience{5000};
};

/// An entry with all that is known of it.
struct cache_entry {
  /// What sort of value it holds.
  std::string kind;
  /// Null for bytes.
  json value;
  /// Grows with each change.
  std::int64_t version = 0;
  std::vector<std::string> tags = {};
  /// Nothing: never.
  std::optional<time_point> expires_at;
  /// How often it was read.
  std::int64_t hits = 0;
};

/// hit, stale: a value is there. miss: the lease is the caller's. wait: somebody else has it.
enum class lease_state { hit, stale, miss, wait };

/// What get_lease found.
struct leased_value {
  /// Which of them.
  lease_state state = lease_state::wait;
  /// With hit and stale.
  std::optional<json> value;
  std::optional<std::string> lease = {};
  std::int64_t version = 0;
};

/// Calls on one namespace. Cheap to copy; refers to its executor.
class STASH_API cache {
 public:
  /// Calls on a client or in a transaction.
  explicit cache(executor& where, std::string name_space = "default")
      : where_(&where), namespace_(std::move(name_space)) {}

  /// The same calls on another namespace.
  [[nodiscard]] cache in(std::string name_space) const {
    return cache(*where_, std::move(name_space));
  }

  /// The value, converted with T's from_json; nothing on a miss.
  template <typename T = json>
  [[nodiscard]] std::optional<T> get(std::string_view key) {
    const result rows = get_row(key);
    if (rows.is_null(0, 0)) return std::nullopt;
    return json::parse(rows.json_text(0, 0)).get<T>();
  }
  /// The value as JSON text, not parsed; nothing on a miss.
  [[nodiscard]] std::optional<std::string> get_text(std::string_view key);
  /// A value stored with set_bytes; nothing on a miss.
  [[nodiscard]] std::optional<std::vector<std::byte>> get_bytes(std::string_view key);
  /// The entry with its tags, version and end; nothing on a miss.
  [[nodiscard]] std::optional<cache_entry> get_entry(std::string_view key);
  /// In the order asked, nothing for misses.
  template <typename T = json>
  [[nodiscard]] std::vector<std::optional<T>> get_many(std::span<const std::string> keys) {
    const result rows = get_many_row(keys);
    std::vector<std::optional<T>> values;
    values.reserve(keys.size());
    for (const auto& each : rows.elements(0, 0)) {
      if (each)
        values.emplace_back(json::parse(json_text_of(*each)).get<T>());
      else
        values.emplace_back();
    }
    return values;
  }

  /// Stores a value, converted with its to_json. The new version; nothing when it was refused.
  template <typename T>
  std::optional<std::int64_t> set(std::string_view key, const T& value,
                                  const set_options& options = {}) {
    return set_json(key, json(value).dump(), options);
  }
  /// Stores bytes. The new version; nothing when it was refused.
  std::optional<std::int64_t> set_bytes(std::string_view key, std::span<const std::byte> value,
                                        const set_options& options = {});
  /// How many were stored.
  std::int64_t set_many(std::span<const std::string> keys, std::span<const json> values,
                        const set_options& options = {});
  /// An object of keys and values; how many were stored.
  std::int64_t set_entries(const json& entries, const set_options& options = {});
  template <typename T>
  std::optional<std::int64_t> add(std::string_view key, const T& value,
                                  const set_options& options = {}) {
    return add_json(key, json(value).dump(), options);
  }
  /// Adds to a counter, which begins at 0; its new value.
  std::int64_t incr(std::string_view key, std::int64_t by = 1, std::optional<seconds> ttl = {});
  /// Gives an entry a new end; false when there is none.
  bool touch(std::string_view key, std::optional<seconds> ttl = {});
  /// Removes an entry; false when there is none.
  bool erase(std::string_view key);
  /// Whether a reader would get it.
  [[nodiscard]] bool exists(std::string_view key);

  /// The value, or the right to compute it.
  [[nodiscard]] leased_value get_lease(std::string_view key, const fetch_options& options = {});
  /// The value, or what `compute` makes of it when there is none. One caller computes, others wait
  /// for it; a value that a commit made stale meanwhile is returned, not stored.
  template <typename T, typename Compute>
  T fetch_or_compute(std::string_view key, Compute compute, const fetch_options& options = {}) {
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
  [[nodiscard]] json fetch(std::string_view key, std::string_view query,
                           std::span<const std::string> arguments = {},
                           const set_options& options = {});

  /// An entry found by its tags.
  struct tagged {
    std::string key;
    json value;
  };
  /// The entries that carry one of the tags, or all of them.
  [[nodiscard]] std::vector<tagged> get_by_tags(std::span<const std::string> tags,
                                                bool match_all = false, int max_rows = 1000);
  /// How many entries carried one of them.
  std::int64_t invalidate_tags(std::span<const std::string> tags);
  /// Removes the keys that begin so; how many.
  std::int64_t delete_prefix(std::string_view prefix);
  /// A part of a scan.
  struct page {
    std::vector<std::string> keys;
    /// For the next page; nothing behind the last one.
    std::optional<std::string> cursor;
  };
  /// Keys that match a glob pattern, "" for all.
  [[nodiscard]] page keys(std::string_view pattern, const std::optional<std::string>& cursor = {},
                          int max_rows = 1000);
  /// Removes every entry of the namespace; how many there were.
  std::int64_t clear();
  /// The namespace's figures.
  [[nodiscard]] json info();
  /// True; an error of the server when there is no namespace of this name, or no right to it.
  [[nodiscard]] bool namespace_known();

 private:
  result get_row(std::string_view key);
  result get_many_row(std::span<const std::string> keys);
  std::optional<std::int64_t> set_json(std::string_view key, std::string_view text,
                                       const set_options& options);
  std::optional<std::int64_t> add_json(std::string_view key, std::string_view text,
                                       const set_options& options);

  executor* where_;
  std::string namespace_;
};

}  // namespace stash
