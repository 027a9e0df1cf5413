// The operations that threads choose from. Each does one whole piece of work and leaves no
// transaction open; SQL errors pass through as exceptions.
#pragma once

#include "worker.hpp"

namespace stress {

// fills.cpp: read through the cache, and fill it after a miss.
void fill_by_statements(worker& w, subject s);
void fill_through_pool(worker& w, subject s);
void fill_in_statement(worker& w, subject s);
void fill_in_transaction(worker& w, subject s);
void fill_by_fetch(worker& w, subject s);
void fill_with_lease(worker& w, subject s);
void fill_in_procedure(worker& w, subject s);
void fill_many(worker& w, subject s);

// snapshots.cpp: read the cache and the table in one snapshot, and compare.
void read_in_snapshot(worker& w);
void read_in_imported_snapshot(worker& w);
// After everything has ended: every hit equals the table.
void read_settled(worker& w);

// changes.cpp: one change within the transaction that is open on `one`, with its invalidation.
// False: a newer version was already there, nothing was changed.
bool apply(worker& w, connection& one, subject s, int64_t version, change kind);
change choose_change(worker& w, subject s);

// writes.cpp: a whole transaction of one or two changes, ended in one of many ways.
void write(worker& w);

// aside.cpp: the reader and the snapshot reader of Redis cache-aside, and its invalidation.
void read_aside(worker& w, subject s);
void read_aside_in_snapshot(worker& w);
void delete_aside(worker& w, subject s);

}  // namespace stress
