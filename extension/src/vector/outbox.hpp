// The outbox: which keys changed. Append-only tables that triggers write and the worker reads.
//
// Three leaves without index or sequence. Rows are written in the user's transaction into the leaf
// that shared memory names, so a rollback takes them away; the worker reads all leaves, so a writer
// that goes by an old hint loses nothing. A row is never changed or deleted: the worker remembers
// in memory which ones are settled, and truncates a leaf all of whose visible rows are. See
// leaf_scan.hpp for reading, leaf_rotation.hpp for the end of a leaf.
//
// Locks: a writer holds ROW EXCLUSIVE on its leaf until its transaction ends, which is what keeps
// the worker from truncating it.
#pragma once

#include "vector/shared.hpp"

#include "boundary/postgres.hpp"

namespace stash {

inline constexpr int outbox_leaves = 3;

// What a row asks for. Whatever it is, the newest state is read when it is done.
enum class change : char {
  key = 'k',       // send this key's row, or delete its object
  sweep = 's',     // delete objects whose rows are gone (TRUNCATE, DETACH)
  backfill = 'b',  // send every row (ATTACH, ALTER TYPE)
  object = 'o',    // delete the object whose UUID this is: one that no key of the table has
};

// The columns of a leaf.
enum outbox_column : int { outbox_at, outbox_sync, outbox_change, outbox_tenant, outbox_key };
inline constexpr int outbox_columns = 5;

// Writes a row as part of the present transaction, as whoever runs it. The tenant may be nullptr;
// key and tenant are text of the database's encoding.
void write_outbox(std::int32_t sync, change what, const char* tenant, const char* key,
                  std::size_t key_size);

// The OID of a leaf; InvalidOid without the extension.
Oid outbox_leaf(int number);

// For _PG_init: wakes the worker when a transaction that wrote to the outbox commits.
void install_outbox_callback();

}  // namespace stash
