// See leaf_scan.hpp.
#include "vector/leaf_scan.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace stash {
namespace {

static_assert(MaxHeapTuplesPerPage < most_rows_a_page);

outbox_row row_of(HeapTuple tuple, TupleDesc shape, std::uint64_t place) {
  Datum values[outbox_columns];
  bool nulls[outbox_columns];
  heap_deform_tuple(tuple, shape, values, nulls);
  const text* key = DatumGetTextPP(values[outbox_key]);
  return {DatumGetTimestampTz(values[outbox_at]),
          DatumGetInt32(values[outbox_sync]),
          static_cast<change>(DatumGetChar(values[outbox_change])),
          nulls[outbox_tenant] ? nullptr : TextDatumGetCString(values[outbox_tenant]),
          {VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)},
          place};
}

// A page under its lock: what is visible and new is copied out, for the taker may raise errors.
struct page_reader {
  Relation leaf;
  Snapshot snapshot;
  leaf_page* page;
  HeapTuple rows[most_rows_a_page];
  OffsetNumber offsets[most_rows_a_page];
  int count;
  TransactionId ended;
};

// A transaction's rows are visible a moment before others are told of its DDL. A partition that it
// attached would be missing from our plans, and its rows be taken for deleted: that moment is
// waited for. What was told is heard of when the next step begins its transaction.
void wait_until_ended(page_reader* reader, HeapTuple row) {
  const TransactionId writer = HeapTupleHeaderGetXmin(row->t_data);
  if (writer == reader->ended || !TransactionIdIsNormal(writer)) return;
  XactLockTableWait(writer, nullptr, nullptr, XLTW_None);
  reader->ended = writer;
}

void read_page(page_reader* reader, BlockNumber block, Buffer buffer) {
  Page page = BufferGetPage(buffer);
  reader->count = 0;
  reader->page->undecided = false;
  const OffsetNumber last = PageGetMaxOffsetNumber(page);
  for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++) {
    const ItemId item = PageGetItemId(page, offset);
    if (!ItemIdIsNormal(item) || reader->page->read.test(offset)) continue;
    HeapTupleData tuple;
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
    tuple.t_len = ItemIdGetLength(item);
    tuple.t_tableOid = RelationGetRelid(reader->leaf);
    ItemPointerSet(&tuple.t_self, block, offset);
    if (HeapTupleSatisfiesVisibility(&tuple, reader->snapshot, buffer)) {
      reader->offsets[reader->count] = offset;
      reader->rows[reader->count++] = heap_copytuple(&tuple);
    } else if (!HeapTupleHeaderXminInvalid(tuple.t_data)) {
      reader->page->undecided = true;
    }
  }
}

bool passes_over(const leaf_page& page, std::uint64_t lsn, sync_asleep asleep) {
  if (page.lsn != lsn || page.undecided) return false;
  return !page.left || (page.left_for != 0 && asleep(page.left_for));
}

void note_left(leaf_page* page, std::int32_t sync) {
  page->left_for = !page->left || page->left_for == sync ? sync : 0;
  page->left = true;
}

// False when the taker said stop.
bool hand_out(page_reader* reader, BlockNumber block, int number, leaf_state* state,
              row_taker take) {
  reader->page->left = false;
  for (int i = 0; i < reader->count; i++) {
    wait_until_ended(reader, reader->rows[i]);
    const outbox_row row = row_of(reader->rows[i], RelationGetDescr(reader->leaf),
                                  leaf_state::place(block, reader->offsets[i]));
    const verdict_of_row verdict = take(row, number);
    if (verdict == verdict_of_row::taken) {
      state->mark_read(block, reader->offsets[i]);
    } else if (verdict == verdict_of_row::left) {
      note_left(reader->page, row.sync);
    } else {
      reader->page->left = true;
      reader->page->left_for = 0;
      return false;
    }
  }
  return true;
}

bool scan_page(page_reader* reader, BlockNumber block, int number, leaf_state* state,
               row_taker take, sync_asleep asleep) {
  reader->page = &state->page(block);
  Buffer buffer = ReadBuffer(reader->leaf, block);
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  const std::uint64_t lsn = PageGetLSN(BufferGetPage(buffer));
  if (passes_over(*reader->page, lsn, asleep)) {
    UnlockReleaseBuffer(buffer);
    return true;
  }
  read_page(reader, block, buffer);
  reader->page->lsn = lsn;
  UnlockReleaseBuffer(buffer);
  return hand_out(reader, block, number, state, take);
}

}  // namespace

bool scan_leaf(int number, leaf_state* state, row_taker take, sync_asleep asleep) {
  Relation leaf = try_relation_open(outbox_leaf(number), AccessShareLock);
  if (leaf == nullptr) return true;
  page_reader reader = {};
  reader.leaf = leaf;
  reader.snapshot = GetActiveSnapshot();
  const MemoryContext memory =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash outbox page", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext outer = MemoryContextSwitchTo(memory);
  const BlockNumber blocks = RelationGetNumberOfBlocks(leaf);
  bool complete = true;
  for (BlockNumber block = 0; block < blocks && complete; block++) {
    CHECK_FOR_INTERRUPTS();
    complete = scan_page(&reader, block, number, state, take, asleep);
    MemoryContextReset(memory);
  }
  MemoryContextSwitchTo(outer);
  MemoryContextDelete(memory);
  relation_close(leaf, AccessShareLock);
  return complete;
}

}  // namespace stash
