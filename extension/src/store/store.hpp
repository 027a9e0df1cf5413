// The shared-memory store: look-up, insertion, eviction, expiry, tags, leases.
//
// A `store` is this process's handle on the segment: pointers computed once, nothing owned. It
// knows nothing of transactions; transaction_log carries their rules out with the pieces below.
//
// Look-up, allocation and eviction of an entry happen under its partition's lock. A full partition
// evicts; nothing here fails for want of space but a value larger than a partition. Locks are taken
// in the order partition, tag; no two of a kind at a time.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "store/layout.hpp"
#include "store/locks.hpp"

namespace stash {

struct key_ref {
  space_index space = 0;
  std::string_view text;
  std::uint64_t hash = 0;
};

// What a reader may see.
struct reader {
  timestamp now = 0;
  timestamp stored_before = never;  // REPEATABLE READ: when the reader's transaction began
  bool never_hits = false;          // SERIALIZABLE, imported snapshots
  bool in_recovery = false;
};

struct entry_info {
  value_kind kind = value_kind::jsonb;
  std::int64_t version = 0;
  timestamp read_at = 0;
  timestamp expires_at = 0;
  std::uint32_t hits = 0;
  std::uint32_t value_size = 0;
  std::uint32_t tags_size = 0;
};

enum class read_state : std::uint8_t { hit, miss, buffer_too_small };

struct read_result {
  read_state state = read_state::miss;
  entry_info info;
};

// A value on its way into the store. The memory it refers to is the caller's.
struct fill {
  key_ref key;
  value_kind kind = value_kind::jsonb;
  std::string_view value;
  std::string_view tags;            // encoded, see tag_text.hpp
  std::span<const tag_id> tag_ids;  // of the tags and their classes, without duplicates
  timestamp read_at = 0;
  timestamp expires_at = never;
  std::int64_t version = 0;
  std::uint64_t lease = 0;  // a nonce, 0: none
  std::uint16_t stale_seconds = 0;
  std::uint8_t flags = 0;
  bool blind = false;
};

// Stamps that the present transaction itself holds in flux, sorted by address.
using own_flux = std::span<stamp* const>;

// An entry links to its tags and to their classes.
inline constexpr std::size_t max_tags = 64;
inline constexpr std::size_t max_links = 2 * max_tags;
inline constexpr std::size_t max_tag_size = 255;
inline constexpr std::size_t max_key_size = 1024;

// A value that holds for one role only is kept under its key, a zero byte and the role's id, with
// the hash of the key alone: so it shares the key's partition and stamp and goes when the key goes.
inline constexpr std::size_t role_key_suffix = 1 + sizeof(std::uint32_t);

inline constexpr std::int64_t any_version = -1;
inline constexpr std::int64_t no_version = 0;

enum class lease_state : std::uint8_t { hit, stale, taken, wait, buffer_too_small };

struct lease_result {
  lease_state state = lease_state::wait;
  entry_info info;
  std::uint64_t nonce = 0;
};

enum class counter_state : std::uint8_t { done, wrong_kind, overflow, no_room };

struct counter_result {
  counter_state state = counter_state::done;
  std::int64_t value = 0;
};

class store {
 public:
  store(void* memory, const geometry& shape, const lock_functions& functions,
        std::span<void* const> partition_locks, std::span<void* const> tag_locks);

  // Makes a new segment out of zeroed memory. Every stamp begins at `wall`.
  void initialize(std::uint64_t seed, timestamp wall, timestamp monotonic);

  void use_shard(std::uint32_t shard) { shard_ = shard % counter_shards; }

  [[nodiscard]] const geometry& shape() const { return shape_; }
  [[nodiscard]] segment_header& header() const { return *header_; }
  [[nodiscard]] space& space_at(space_index index) const { return spaces_[index]; }
  [[nodiscard]] key_ref key(space_index space, std::string_view text) const {
    return {space, text, hash_key(header_->seed, space, text)};
  }
  [[nodiscard]] tag_id tag(space_index space, std::string_view text) const {
    return hash_tag(header_->seed, space, text);
  }
  [[nodiscard]] stamp& key_stamp(const key_ref& key) const {
    return key_stamps_[key.hash & (shape_.key_stamps - 1)];
  }
  [[nodiscard]] stamp& tag_stamp(const tag_id& id) const {
    return tag_stamps_[id.high & (shape_.tag_stamps - 1)];
  }
  // A hint that the key is about to be looked up: first for where its entry is, later for the
  // entry.
  void prefetch_bucket(const key_ref& key) const {
    __builtin_prefetch(&bucket_of(partition_of(key), static_cast<std::uint32_t>(key.hash)));
  }
  // bytes: how large it is likely to be. Blocks taken one after the other lie one behind the other,
  // so most entries can be asked for whole, without following their chain.
  void prefetch_entry(const key_ref& key, std::size_t bytes = 0) const {
    constexpr std::size_t line = 64;
    constexpr std::size_t most = 8 * line;
    // Read without the lock: whatever it says, it is only a hint.
    const block_index at =
        std::atomic_ref(bucket_of(partition_of(key), static_cast<std::uint32_t>(key.hash)))
            .load(std::memory_order_relaxed);
    if (at == none) return;
    const auto* first = reinterpret_cast<const char*>(&blocks_[at]);
    const std::size_t end = std::min(std::max(bytes, 2 * line), most);
    for (std::size_t at_byte = 0; at_byte < end; at_byte += line)
      __builtin_prefetch(first + at_byte);
  }
  void prefetch_stamp(const key_ref& key) const { __builtin_prefetch(&key_stamp(key)); }
  std::int64_t next_version() { return header_->version.fetch_add(1) + 1; }

  // --- reading (store.cpp)
  // Copies the value (with_tags: the encoded tags before it) when it fits into the buffer.
  read_result read(const key_ref& key, const reader& who, void* buffer, std::size_t capacity,
                   bool with_tags = false);
  // Looks without counting a hit or a miss. Ignores flux that is the caller's own.
  [[nodiscard]] read_result peek(const key_ref& key, const reader& who, own_flux own = {}) const;

  // --- changing entries (store.cpp, insert.cpp)
  // The rules for accepting a set, without storing anything.
  [[nodiscard]] refusal check(const fill& what, timestamp now, timestamp blind_guard,
                              own_flux own) const;
  // Checks again and stores, under one lock.
  // expected: any_version, no_version (the key must be absent), or a version.
  refusal put(const fill& what, timestamp now, timestamp blind_guard, own_flux own,
              std::int64_t expected = any_version);
  // Also removes what is kept under the key for single roles (see role_key_suffix).
  bool remove(const key_ref& key);
  bool touch(const key_ref& key, timestamp now, timestamp expires_at);
  counter_result add(const key_ref& key, std::int64_t by, timestamp now, timestamp expires_at,
                     bool in_recovery);

  // --- leases (lease.cpp)
  // stale_for: how long (µs) after its death an entry may be given to those who do not get the
  // lease.
  struct lease_terms {
    timestamp read_at = 0;
    timestamp until = 0;
    timestamp stale_for = 0;
    bool stale_invalidated = true;  // or only what merely expired
    bool count_miss = true;         // or the caller has counted it already
  };
  lease_result take_lease(const key_ref& key, const reader& who, const lease_terms& terms,
                          void* buffer, std::size_t capacity);
  // The stale_seconds that the lease was taken with, or −1 when it is void.
  [[nodiscard]] std::int64_t lease_valid(const key_ref& key, std::uint64_t nonce, timestamp read_at,
                                         timestamp now) const;
  void release_lease(const key_ref& key, std::uint64_t nonce);

  // --- conditional sets (store.cpp)
  // Whether the key's version is certain to be `expected` when the caller commits. own: stamps that
  // it holds in flux; own_tags: tags whose records it holds in flux; killed: tags that it
  // invalidates before it sets the key.
  [[nodiscard]] bool condition_holds(const key_ref& key, std::int64_t expected, const reader& who,
                                     own_flux own, std::span<const tag_id> own_tags,
                                     std::span<const tag_id> killed) const;

  // --- tags (tags.cpp)
  // Puts the tag's own record in flux, if it has one; end_tag_flux needs what this returned.
  bool begin_tag_flux(const tag_id& id);
  void end_tag_flux(const tag_id& id, bool had_record);
  // Everything that carries the tag and was read before `at` is dead. O(1).
  void invalidate_tag(const tag_id& id, timestamp at, bool data);
  [[nodiscard]] std::uint32_t tag_count(const tag_id& id) const;
  // Copies [u16 size][key] of entries that carry the tag and all of `others`; true when all fitted.
  bool tagged_keys(const tag_id& id, std::span<const tag_id> others, std::uint32_t max_keys,
                   char* buffer, std::size_t capacity, std::size_t* used) const;

  // --- scans (scan.cpp)
  [[nodiscard]] std::uint64_t bucket_total() const {
    return std::uint64_t{shape_.partitions} * shape_.buckets_per_partition;
  }
  [[nodiscard]] std::uint64_t bucket_number(const key_ref& key) const {
    return static_cast<std::uint64_t>(
        &bucket_of(partition_of(key), static_cast<std::uint32_t>(key.hash)) - buckets_);
  }
  struct bucket_scan {
    std::uint64_t next_bucket = 0;
    std::size_t used = 0;    // bytes written
    std::size_t needed = 0;  // not 0: the first bucket alone needs a buffer of this size
  };
  // Copies [u16 size][key] of the live entries in buckets from..from+count; ends early when full.
  bucket_scan scan_keys(space_index space, timestamp now, std::uint64_t from, std::uint32_t count,
                        char* buffer, std::size_t capacity) const;
  // Removes every entry whose key begins with the prefix.
  std::uint64_t remove_prefix(space_index space, std::string_view prefix);
  [[nodiscard]] std::uint64_t count_prefix(space_index space, std::string_view prefix,
                                           timestamp now) const;
  // Removes every entry of a namespace, and resets nothing else.
  void purge_space(space_index space);
  // Reclaims what is dead in the next `count` buckets; returns how many entries went.
  std::uint32_t sweep(timestamp now, std::uint32_t count);
  struct usage {
    std::uint64_t entries = 0;
    std::uint64_t bytes_used = 0;
    std::uint64_t bytes_capped = 0;
  };
  [[nodiscard]] usage measure();
  [[nodiscard]] bool is_dead(const entry& e, timestamp now) const { return state_of(e, now).dead; }
  // Calls visit(const entry&) for every entry without locks: only while no other
  // process runs (the postmaster's exit).
  template <typename Visit>
  void each_entry_unlocked(Visit visit) const;

  // --- counters
  void count(space_index space, event what, std::uint64_t by = 1) const {
    counters_[space * counter_shards + shard_].events[static_cast<int>(what)].fetch_add(
        by, std::memory_order_relaxed);
  }
  void count(space_index space, refusal why) const {
    counters_[space * counter_shards + shard_].refusals[static_cast<int>(why)].fetch_add(
        1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t counted(space_index space, event what) const;
  [[nodiscard]] std::uint64_t counted(space_index space, refusal why) const;
  void reset_counters(space_index space) const;

  // Copies bytes of an entry's payload (key, tags, value), from an offset on.
  void copy_payload(const entry& e, std::size_t offset, void* to, std::size_t size) const;

  [[nodiscard]] static bool in_flux_by_others(const stamp& s, own_flux own);

 private:
  friend class store_checker;  // the unit tests count every block

  struct death {
    bool dead = false;
    bool invalidated = false;  // not merely expired
    timestamp since = 0;
  };
  struct links_of_entries;
  using policy = sieve<links_of_entries>;

  [[nodiscard]] block* block_at(block_index i) const { return &blocks_[i]; }
  [[nodiscard]] entry& entry_at(block_index i) const {
    return *reinterpret_cast<entry*>(&blocks_[i]);
  }
  [[nodiscard]] tag_record& record_at(block_index i) const {
    return *reinterpret_cast<tag_record*>(&blocks_[i]);
  }
  [[nodiscard]] tag_link& link_at(std::uint32_t id) const {
    return reinterpret_cast<link_block*>(&blocks_[id / 8])->links[id % 8];
  }
  [[nodiscard]] std::uint32_t partition_of(const key_ref& key) const {
    return static_cast<std::uint32_t>(key.hash >> 32) & (shape_.partitions - 1);
  }
  [[nodiscard]] block_index& bucket_of(std::uint32_t partition, std::uint32_t hash) const {
    return buckets_[std::size_t{partition} * shape_.buckets_per_partition +
                    (hash & (shape_.buckets_per_partition - 1))];
  }
  [[nodiscard]] sieve_queue& queue(std::uint32_t partition, space_index space) const {
    return queues_[std::size_t{partition} * shape_.spaces + space];
  }
  [[nodiscard]] held_lock lock_partition(std::uint32_t index, lock_mode mode) const {
    return {functions_, partition_locks_[index], mode};
  }
  [[nodiscard]] std::uint32_t tag_bucket(const tag_id& id) const {
    return static_cast<std::uint32_t>(id.low) & (shape_.tag_buckets - 1);
  }
  [[nodiscard]] held_lock lock_tag(const tag_id& id, lock_mode mode) const {
    return {functions_, tag_locks_[tag_bucket(id) & (tag_lock_count - 1)], mode};
  }
  [[nodiscard]] policy eviction() const;

  // The caller holds the partition's lock for all of these.
  [[nodiscard]] block_index find(std::uint32_t partition, const key_ref& key) const;
  [[nodiscard]] bool same_key(const entry& e, const key_ref& key) const;
  [[nodiscard]] death state_of(const entry& e, timestamp now) const;
  [[nodiscard]] bool visible(const entry& e, const key_ref& key, const reader& who,
                             own_flux own) const;
  [[nodiscard]] bool tags_in_flux(const entry& e) const;
  void note_hit(const entry& e) const;
  bool reserve(std::uint32_t partition, std::uint32_t blocks);
  block_index take_block(std::uint32_t partition);
  void free_chain(std::uint32_t partition, block_index first);
  void collect_returned(std::uint32_t partition);
  block_index pick_victim(std::uint32_t partition);
  void remove_entry(std::uint32_t partition, block_index index);
  // The key's entry and those kept under the key for single roles.
  bool drop_key(std::uint32_t partition, const key_ref& key);
  block_index write_entry(std::uint32_t partition, const fill& what, timestamp now);
  bool overwrite(std::uint32_t partition, const fill& what, timestamp now);
  void rewrite_payload(block_index first, std::size_t offset, std::string_view bytes);
  static void describe_fill(entry& e, const fill& what, timestamp now);
  void write_payload(std::uint32_t partition, block_index first, const fill& what);
  // Makes blocks available, and counts them as the namespace's.
  bool make_room(std::uint32_t partition, const fill& what);
  refusal put_pinned(const fill& what, timestamp now, timestamp blind_guard, own_flux own,
                     std::int64_t expected, const block_index* records);
  counter_result bump(entry& e, std::int64_t by);
  [[nodiscard]] lease_slot* find_lease(std::uint32_t partition, const key_ref& key) const;
  [[nodiscard]] lease_slot& lease_for(std::uint32_t partition, const key_ref& key,
                                      timestamp now) const;
  [[nodiscard]] static entry_info describe(const entry& e);
  [[nodiscard]] static std::uint32_t blocks_for(const entry& e);
  [[nodiscard]] static std::uint32_t blocks_for(const fill& what);
  // Whether the namespace has a budget, and one into which this fits at all.
  [[nodiscard]] bool has_budget(const fill& what) const;
  [[nodiscard]] static std::uint32_t blocks_for(std::size_t payload, std::size_t links);
  template <typename Pick>
  std::uint32_t remove_in_buckets(std::uint32_t partition, std::uint32_t from, std::uint32_t count,
                                  Pick pick);

  // No partition lock is held for these.
  void make_budget(const fill& what);
  // The tag's record, created if need be and pinned; none when there is no block to be had.
  block_index pin_record(const tag_id& id);
  block_index block_for_record(const tag_id& id);
  void give_back(block_index block);
  void unpin_record(block_index record);

  // The caller holds the tag's lock.
  [[nodiscard]] block_index find_record(const tag_id& id) const;
  void drop_record_if_unused(block_index record);
  [[nodiscard]] bool carries_all(const entry& e, std::span<const tag_id> wanted) const;
  // The caller holds the partition's lock; takes the tag's.
  void link_entry(block_index entry_block, std::uint32_t link_id, block_index record);
  void unlink_entry(const entry& e, std::uint32_t link_id);
  template <typename Visit>
  void each_link(const entry& e, Visit visit) const;

  geometry shape_;
  lock_functions functions_;
  std::vector<void*> partition_locks_;
  std::vector<void*> tag_locks_;
  segment_header* header_;
  space* spaces_;
  counters* counters_;
  stamp* key_stamps_;
  stamp* tag_stamps_;
  block_index* tag_buckets_;
  partition* partitions_;
  sieve_queue* queues_;
  block_index* buckets_;
  lease_slot* leases_;
  block* blocks_;
  std::uint32_t shard_ = 0;
  mutable std::uint32_t sample_ = 0;
};

template <typename Visit>
void store::each_link(const entry& e, Visit visit) const {
  std::uint32_t left = e.link_count;
  for (block_index at = e.links; left > 0; at = blocks_[at].next)
    for (std::uint32_t i = 0; i < links_per_block && left > 0; i++, left--) visit(at * 8 + i);
}

template <typename Visit>
void store::each_entry_unlocked(Visit visit) const {
  for (std::uint64_t bucket = 0; bucket < bucket_total(); bucket++)
    for (block_index at = buckets_[bucket]; at != none; at = entry_at(at).bucket_next)
      visit(entry_at(at));
}

}  // namespace stash
