// What lies in the shared segment: plain structs, 32-bit block indexes, no pointers.
//
// Blocks of 120 bytes hold everything that grows. An entry begins in its first block and goes on
// along `next`: key, tags as text, value. Its links to tags lie in blocks of their own, reached by
// `links`. A tag record is one block. Sizes are chosen so that a 16-byte key with a JSON string of
// 250 bytes fills exactly three blocks.
//
// Locks: an entry, its blocks, its bucket chain, its queue and the leases belong to its partition's
// lock; tag records, and the list fields of tag links, to the tag's lock. What is atomic here is
// also read without the lock that guards its writers. Key, tags and value of an entry never change.
#pragma once

#include "store/clock.hpp"
#include "store/geometry.hpp"
#include "store/hash.hpp"
#include "store/sieve.hpp"
#include "store/stamps.hpp"
#include "store/types.hpp"

namespace stash {

inline constexpr std::size_t block_size = 120;
inline constexpr std::size_t max_space_name = 63;
inline constexpr std::size_t max_space_roles = 16;

struct block {
  block_index next;
  std::uint8_t data[block_size - sizeof(block_index)];
};
static_assert(sizeof(block) == block_size);

enum entry_flag : std::uint8_t { stored_in_recovery = 1 };

struct entry {
  block_index next;         // the rest of the payload
  block_index bucket_next;  // the next entry of the bucket
  std::int64_t version;
  timestamp read_at;  // t: the earliest moment at which the value's data may have been read
  timestamp stored_at;
  std::atomic<timestamp> expires_at;
  std::atomic<std::uint32_t> hits;  // exact up to 64, sampled beyond
  std::uint32_t hash;
  std::uint32_t newer;  // the policy's queue
  std::uint32_t older;
  block_index links;  // tag links, or none
  std::uint32_t value_size;
  space_index space;
  std::uint16_t key_size;
  std::uint16_t tags_size;
  std::uint16_t stale_seconds;  // kept this long after it died, for lease takers
  value_kind kind;
  std::uint8_t flags;
  std::uint8_t link_count;
  std::atomic<std::uint8_t> visited;
};
inline constexpr std::size_t entry_header_size = 76;
static_assert(offsetof(entry, visited) == entry_header_size - 1);

// One entry's membership in one tag: an element of the tag's list.
struct tag_link {
  block_index entry;
  block_index record;
  std::uint32_t previous;
  std::uint32_t next;
};
inline constexpr std::uint32_t links_per_block = 7;

struct link_block {
  block_index next;
  std::uint32_t unused;
  tag_link links[links_per_block];
};
static_assert(sizeof(link_block) == block_size);

// A tag that has entries. Dead means: its entry's read_at is not later than changed_at. Invariant:
// an entry is on the dead list exactly if it is dead in that sense.
struct tag_record {
  block_index bucket_next;
  std::uint32_t pins;  // fills that are about to link to it
  tag_id id;
  std::atomic<timestamp> changed_at;
  std::atomic<std::uint32_t> in_flux;
  std::uint32_t live_newest;
  std::uint32_t live_oldest;
  std::uint32_t dead_newest;
  std::uint32_t live_count;
  std::uint32_t total_count;
  timestamp newest_read;                  // no entry of the live list was read later
  std::atomic<timestamp> changed_before;  // the invalidation before changed_at
  std::uint8_t unused[block_size - 72];
};
static_assert(sizeof(tag_record) == block_size);

struct partition {
  alignas(64) block_index free_list;
  std::uint32_t free_count;
  block_index untouched;  // blocks from here to the end were never used
  block_index end;
  std::uint32_t random;
  // Blocks of tag records given back by somebody who did not hold this partition's lock.
  std::atomic<block_index> returned;
};

struct lease_slot {
  std::uint64_t key_hash;
  std::uint64_t nonce;  // 0: empty
  timestamp read_at;
  timestamp until;
  std::uint32_t space;
  std::uint32_t stale_seconds;
};

enum class refusal : std::uint8_t {
  none,
  in_flux,    // somebody is committing a change to the key or a tag
  changed,    // changed since the data may have been read
  blind,      // a blind set soon after a data change
  strict,     // a blind set in a strict namespace
  lease,      // the lease is void
  clock,      // the wall clock is behind, or the snapshot is imported
  condition,  // if_version or cache_add lost
  no_room,    // over the namespace's budget or too large for the store
  count_,
};

enum class event : std::uint8_t {
  hit,
  miss,
  set,
  deletion,
  invalidation,
  eviction,
  expiration,
  count_,
};

struct counters {
  alignas(64) std::atomic<std::uint64_t> events[static_cast<int>(event::count_)];
  std::atomic<std::uint64_t> refusals[static_cast<int>(refusal::count_)];
};

// A named cache of one database. Name and database change only under the control lock.
struct space {
  std::atomic<std::uint32_t> used;
  std::atomic<std::uint32_t> generation;  // raised whenever the slot gets another meaning
  std::uint32_t database;
  timestamp freed_at;  // a slot is given away again only long after
  // The extension came to the database after the start: nothing was cached there before.
  std::uint32_t extension_is_new;
  char name[max_space_name + 1];
  std::atomic<std::uint32_t> config_serial;  // raised whenever the stored configuration changes
  std::atomic<std::uint32_t> config_valid;   // the serial that the fields below were read at
  std::atomic<std::int64_t> max_bytes;       // 0: no budget
  std::atomic<std::int64_t> default_ttl;     // microseconds, 0: the setting's
  std::atomic<std::uint32_t> strict;
  std::atomic<std::uint32_t> role_count;  // 0: whoever may execute the functions
  std::atomic<std::uint32_t> roles[max_space_roles];
  stamp all;    // every entry and every fill
  stamp fills;  // fills only: keys that matched a deleted prefix may be on their way
  // Written by every set: away from what every hit reads.
  alignas(64) std::atomic<std::int64_t> bytes;
  std::atomic<std::int64_t> entries;
};

struct segment_header {
  std::uint64_t seed;
  timestamp boot;
  // Entries whose data was read before this moment are no hits, in any namespace.
  stamp everything;
  std::atomic<std::uint32_t> spaces_used;  // no slot from here on was ever used
  // Every hit reads what is above; what is below is written all the time.
  alignas(64) shared_clock clock;
  // Every set reads the clock, which only invalidations write, and writes what is below.
  alignas(64) std::atomic<std::int64_t> version;
  std::atomic<std::uint64_t> nonce;
  std::atomic<std::uint32_t> sweep_partition;
  std::atomic<std::uint32_t> sweep_bucket;
};

}  // namespace stash
