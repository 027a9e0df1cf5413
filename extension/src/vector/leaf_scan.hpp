// Reading the outbox: every leaf, page by page, with a snapshot that sees what has committed.
//
// Called by the worker, in a transaction with an active snapshot.
#pragma once

#include "vector/leaf_state.hpp"
#include "vector/outbox.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// A row as the reader hands it out; texts are in memory of the page's own, so copy them.
struct outbox_row {
  std::int64_t at;
  std::int32_t sync;
  change what;
  const char* tenant;  // nullptr: none
  std::string_view key;
  std::uint64_t place;
};

// What to do with a row: take it, leave it for a later scan, or stop, for nobody takes any more.
enum class verdict_of_row { taken, left, stop };
using row_taker = verdict_of_row (*)(const outbox_row& row, int leaf);
// Whether nothing of this sync would be taken now, so that pages with nothing else are passed over.
using sync_asleep = bool (*)(std::int32_t sync);

// False when the taker said stop: something was not looked at.
bool scan_leaf(int number, leaf_state* state, row_taker take, sync_asleep asleep);

// Chooses the leaf that writers should use, and truncates leaves that are done with. `full` tells
// that what was read is all there is to be read. Called outside a transaction.
void tend_leaves(leaf_state* states, row_taker take, sync_asleep asleep);

}  // namespace stash
