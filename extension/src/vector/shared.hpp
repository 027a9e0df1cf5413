// What backends and the worker of a database tell each other about vectors, in shared memory.
//
// A slot belongs to a database from its first use until the database is dropped. Everything in it
// is an atomic, or written by the database's worker alone; nothing durable lives here. Losing it (a
// restart) costs work done again, never a change: the active leaf is a hint, all leaves are read.
//
// Locks: slots are given out under the fourth control lock. Waiting sessions sleep on `answered`.
#pragma once

#include <cstdint>

#include "boundary/postgres.hpp"

namespace stash {

inline constexpr int vector_databases = 512;
inline constexpr int vector_waiters = 32;
inline constexpr int sync_figures_count = 1024;
inline constexpr std::size_t vector_error_bytes = 256;
inline constexpr std::uint32_t in_flight_unknown = UINT32_MAX;

// A session in vector_wait. The ticket tells two that had the same place one after the other.
struct wait_place {
  std::atomic<std::uint32_t> ticket;
  std::atomic<std::uint32_t> taken;  // 0 free, 1 being filled, 2 asking, 3 answered
  std::atomic<Oid> database;
  std::atomic<std::int32_t> sync;
};

// A database's worker and its backends.
struct vector_slot {
  std::atomic<Oid> database;
  std::atomic<std::uint32_t> active_leaf;
  // The worker's place in the process array plus one; 0: none. May be stale: a latch set in vain.
  std::atomic<std::int32_t> worker;
  // Something was committed, or asked for, that the worker has not looked at.
  std::atomic<std::uint32_t> dirty;
  // Requests that the worker has sent and not seen the end of. Nothing is known of those that were
  // under way when the shared memory of before was lost.
  std::atomic<std::uint32_t> in_flight;
  // The breaker of the server: closed, open (until then) or trying.
  std::atomic<std::uint32_t> breaker;
  std::atomic<std::int64_t> open_until;
  // Configuration changes bump it, so that the worker reads its tables again.
  std::atomic<std::uint32_t> configuration;
  // Why nothing is sent at all; empty: it is. Written by the worker, read as it is.
  char held_back[vector_error_bytes];
};

// Figures of one synchronised table, written by its database's worker only.
struct sync_figures {
  std::atomic<Oid> database;
  std::atomic<std::int32_t> sync;
  // Settled rows that still lie in a leaf: pending = rows in the leaves - these.
  std::atomic<std::int64_t> settled_rows;
  std::atomic<std::int64_t> oldest_at;
  std::atomic<std::int64_t> sent;
  std::atomic<std::int64_t> deleted;
  std::atomic<std::int64_t> failed;
  std::atomic<std::int64_t> last_sent_at;
  std::atomic<std::int64_t> rate_milli;
  std::atomic<std::int64_t> failed_at;
  std::atomic<std::uint32_t> job;  // 0 none, 1 backfill, 2 sweep
  char last_error[vector_error_bytes];
  char blocked[vector_error_bytes];
};

void register_vector_shared();

// The slot of this database; nullptr without shared memory or when all are taken.
vector_slot* my_vector_slot();
// Worker: the figures of a table, made when there are none. Others: nullptr when there are none.
sync_figures* figures_of(std::int32_t sync, bool make);
void forget_figures(std::int32_t sync);
void forget_vector_database(unsigned int database);

// Tells the database's worker that there is something to do.
void wake_vector_worker(vector_slot* slot);

// Waits until all that was committed before the call is in Weaviate, or is a dead letter; false
// when the time is over. Errors: 53300 too many sessions wait. For a process with a slot.
bool wait_until_sent(std::int32_t sync, TimestampTz until);

wait_place* wait_places();
ConditionVariable* vector_answered();

}  // namespace stash
