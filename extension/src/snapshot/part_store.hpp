// Stores a tree's parts: those that the pool has not got already.
//
// Looked up from the top: a part that is found proves everything below it, so a version that shares
// most with an earlier one costs look-ups for its root list and for what has changed. Inserted from
// the bottom, since nodes list ids, and in the order of hashes, so that two transactions that store
// the same new parts wait for each other in one direction only.
#pragma once

#include "snapshot/content.hpp"

namespace stash::memory {

// What a version's row holds of its document.
struct stored_root {
  argument refs = sql_null;
  argument content = sql_null;
};

// Inside as_owner, with the pool shared (locks.hpp). Under REPEATABLE READ and above error 40001
// when another transaction stored the same part at the same time.
stored_root store_tree(std::int64_t pool, tree* what);

}  // namespace stash::memory
