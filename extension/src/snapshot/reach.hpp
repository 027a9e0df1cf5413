// Which parts the versions of a pool have: walking down from their roots.
#pragma once

#include "snapshot/content.hpp"
#include "snapshot/part_set.hpp"

namespace stash::memory {

// Adds to `reached` the parts below these ids, and these. Each part is read once, in the life of
// the set. Inside as_owner; frees what it read.
void reach_parts(std::int64_t pool, const std::vector<part_id>& roots, look how, part_set* reached);

// The ids that these parts (bigints) consist of.
void read_below(std::int64_t pool, const std::vector<Datum>& parts, look how,
                std::vector<part_id>* below);

// The ids in the rows of the last statement, whose columns `refs` and `is_leaf` say where they are.
void collect_root(std::uint64_t row, int refs, int is_leaf, std::vector<part_id>* roots);
void collect_roots(std::uint64_t rows, int refs, int is_leaf, std::vector<part_id>* roots);

}  // namespace stash::memory
