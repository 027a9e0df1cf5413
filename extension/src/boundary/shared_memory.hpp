// The shared segment: who gets which part of it.
//
// One block holds, in this order, every part that registered itself in _PG_init: in PostgreSQL's
// segment, or in a mapping of our own (see own_mapping.hpp). The locks are always PostgreSQL's. The
// parts ask for bytes and are told their address in the postmaster at start, and again after a
// crash restart, when everything in them begins anew. `attached()` is false when the library was
// not preloaded.
#pragma once

#include <cstddef>

namespace stash {

struct shared_part {
  const char* name;
  std::size_t (*size)();
  // Called with zeroed memory in the postmaster when the segment is new.
  void (*initialize)(void* memory);
  // Called in every process that maps the segment (once, in the postmaster, where processes fork).
  void (*attach)(void* memory);
};

// Parts register in _PG_init only; at most sixteen.
void register_shared_part(const shared_part& part);

// Asks for the segment and its LWLocks; called once, in _PG_init, while preloading.
void request_shared_memory();

bool shared_memory_attached();

// LWLocks of the segment, in named tranches.
enum class lock_tranche { partition, tag, control, touch };
int lock_count(lock_tranche tranche);
void* lock_at(lock_tranche tranche, int index);  // LWLock*, untyped so that core code can hold it

}  // namespace stash
