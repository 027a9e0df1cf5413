// The end of a leaf: writers move on to an empty one, and what is settled is truncated.
//
// Neither a transaction of somebody else, however old its snapshot, nor an open writer keeps the
// outbox from being emptied: TRUNCATE needs nobody's snapshot, only the leaf's lock, which writers
// of that leaf alone hold. The lock is taken if it is free, never waited for.
#include "session/statement.hpp"
#include "vector/leaf_scan.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace stash {
namespace {

// A leaf that has grown so far is left for another ...
constexpr BlockNumber large_blocks = 2048;
// ... and so is a smaller one all of which is settled, so that little is done again after a
// restart.
constexpr BlockNumber worth_emptying = 64;

statement truncate_leaf[outbox_leaves] = {{"TRUNCATE stash.vector_outbox_0", 0, {}},
                                          {"TRUNCATE stash.vector_outbox_1", 0, {}},
                                          {"TRUNCATE stash.vector_outbox_2", 0, {}}};

BlockNumber blocks_of(int number) {
  Relation leaf = try_relation_open(outbox_leaf(number), AccessShareLock);
  if (leaf == nullptr) return 0;
  const BlockNumber blocks = RelationGetNumberOfBlocks(leaf);
  relation_close(leaf, AccessShareLock);
  return blocks;
}

// Under the lock nobody writes, and whoever wrote has ended: what is visible now is all there is.
bool truncate_if_settled(int number, leaf_state* state, row_taker take, sync_asleep asleep) {
  StartTransactionCommand();
  const Oid leaf = outbox_leaf(number);
  bool truncated = false;
  if (OidIsValid(leaf) && ConditionalLockRelationOid(leaf, AccessExclusiveLock)) {
    PushActiveSnapshot(GetLatestSnapshot());
    if (scan_leaf(number, state, take, asleep) && state->clean()) {
      const as_owner owner;
      (void)run(truncate_leaf[number], {});
      owner.finish();
      truncated = true;
    }
    PopActiveSnapshot();
  }
  CommitTransactionCommand();
  return truncated;
}

void subtract_settled(const leaf_state& state) {
  for (const auto& [sync, rows] : state.settled_of())
    if (sync_figures* figures = figures_of(sync, false)) figures->settled_rows -= rows;
}

void choose_active(vector_slot* slot, const BlockNumber* blocks, const leaf_state* states) {
  const auto active = static_cast<int>(slot->active_leaf.load() % outbox_leaves);
  const bool moves = blocks[active] >= large_blocks ||
                     (blocks[active] >= worth_emptying && states[active].clean());
  for (int i = 1; moves && i < outbox_leaves; i++) {
    const int other = (active + i) % outbox_leaves;
    if (blocks[other] != 0) continue;
    slot->active_leaf = static_cast<std::uint32_t>(other);
    return;
  }
}

}  // namespace

void tend_leaves(leaf_state* states, row_taker take, sync_asleep asleep) {
  vector_slot* slot = my_vector_slot();
  if (slot == nullptr) return;
  BlockNumber blocks[outbox_leaves];
  StartTransactionCommand();
  for (int i = 0; i < outbox_leaves; i++) blocks[i] = blocks_of(i);
  CommitTransactionCommand();
  choose_active(slot, blocks, states);
  for (int i = 0; i < outbox_leaves; i++) {
    if (i == static_cast<int>(slot->active_leaf.load()) || blocks[i] == 0) continue;
    if (!states[i].clean() || !truncate_if_settled(i, &states[i], take, asleep)) continue;
    subtract_settled(states[i]);
    states[i].clear();
  }
}

}  // namespace stash
