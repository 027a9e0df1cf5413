// What the calls of the cache take and return.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "stash/parameters.hpp"

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

/// An entry found by its tags.
struct tagged_entry {
  std::string key;
  json value;
};

/// A part of a scan.
struct key_page {
  std::vector<std::string> keys;
  /// For the next page; nothing behind the last one.
  std::optional<std::string> cursor;
};

}  // namespace stash
