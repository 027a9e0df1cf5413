// See table_scan.hpp.
//
// Workers share one parallel scan with us, which hands out pages. Each leaves its nearest rows in
// the dynamic segment: a header and room for max_rows, written by that worker alone and read by us
// when all workers have ended. Rows are named by their place, so ties come out the same however
// many processes there are.
#include "vector/table_scan.hpp"

#include "boundary/guard.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/tableam.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "storage/bufmgr.h"
PGDLLEXPORT void stash_vector_scan_worker(dsm_segment* segment, shm_toc* contents);
}

namespace stash::vectors {
namespace {

// Parts of the dynamic segment.
constexpr std::uint64_t key_task = 1;
constexpr std::uint64_t key_query = 2;
constexpr std::uint64_t key_scan = 3;
constexpr std::uint64_t key_findings = 4;

struct shared_task {
  Oid table;
  AttrNumber column;
  embedding_type type;
  metric measure;
  std::uint32_t size;
  double scale;
  double max_distance;
  int max_rows;
};

// Of one worker; its rows follow.
struct findings {
  std::uint64_t of_this_size;
  std::uint64_t of_other_sizes;
  std::uint64_t count;
};

std::size_t findings_size(int max_rows) {
  return sizeof(findings) + static_cast<std::size_t>(max_rows) * sizeof(near_row);
}

near_row* rows_of(findings* found) { return reinterpret_cast<near_row*>(found + 1); }

std::uint64_t place_of(const ItemPointerData& address) {
  return static_cast<std::uint64_t>(ItemPointerGetBlockNumberNoCheck(&address)) << 16 |
         ItemPointerGetOffsetNumberNoCheck(&address);
}

void scan(TableScanDesc scan, Relation table, AttrNumber column, row_measure* measure) {
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
    CHECK_FOR_INTERRUPTS();
    bool null = false;
    const Datum embedding = slot_getattr(slot, column, &null);
    near_row row = {0, place_of(slot->tts_tid), nullptr};
    if (measure->wants(embedding, null, &row)) (void)measure->nearest.keep(row);
  }
  ExecDropSingleTupleTableSlot(slot);
  table_endscan(scan);
}

// As many as the planner would take for a scan of the table.
int workers_for(Relation table) {
  if (IsInParallelMode() || IsParallelWorker() || max_parallel_workers_per_gather == 0) return 0;
  if (table->rd_rel->relpersistence == RELPERSISTENCE_TEMP) return 0;
  int workers = 0;
  const std::uint64_t pages = RelationGetNumberOfBlocks(table);
  for (std::uint64_t enough = Max(min_parallel_table_scan_size, 1); pages >= enough; enough *= 3)
    workers++;
  return Min(RelationGetParallelWorkers(table, workers), max_parallel_workers_per_gather);
}

void put_task(ParallelContext* parallel, const table_scan_request& request) {
  auto* task = static_cast<shared_task*>(shm_toc_allocate(parallel->toc, sizeof(shared_task)));
  *task = {RelationGetRelid(request.table),
           request.column,
           request.type,
           request.query.measure,
           request.query.size,
           request.query.scale,
           request.max_distance,
           request.max_rows};
  shm_toc_insert(parallel->toc, key_task, task);
  const std::size_t bytes = query_storage(request.query.size);
  void* numbers = shm_toc_allocate(parallel->toc, bytes);
  // exact and values lie behind one another: see prepare().
  std::memcpy(numbers, request.query.exact, bytes);
  shm_toc_insert(parallel->toc, key_query, numbers);
}

char* put_findings(ParallelContext* parallel, int max_rows) {
  const std::size_t size = findings_size(max_rows) * static_cast<std::size_t>(parallel->nworkers);
  char* all = static_cast<char*>(shm_toc_allocate(parallel->toc, size));
  std::memset(all, 0, size);
  shm_toc_insert(parallel->toc, key_findings, all);
  return all;
}

void estimate(ParallelContext* parallel, const table_scan_request& request, int workers) {
  shm_toc_estimator* estimator = &parallel->estimator;
  shm_toc_estimate_chunk(estimator, sizeof(shared_task));
  shm_toc_estimate_chunk(estimator, query_storage(request.query.size));
  shm_toc_estimate_chunk(estimator,
                         table_parallelscan_estimate(request.table, GetActiveSnapshot()));
  shm_toc_estimate_chunk(estimator, findings_size(request.max_rows) * static_cast<Size>(workers));
  shm_toc_estimate_keys(estimator, 4);
}

void merge(const char* all, int workers, int max_rows, row_measure* measure) {
  for (int i = 0; i < workers; i++) {
    auto* found = reinterpret_cast<findings*>(
        const_cast<char*>(all + findings_size(max_rows) * static_cast<std::size_t>(i)));
    measure->of_this_size += found->of_this_size;
    measure->of_other_sizes += found->of_other_sizes;
    for (std::uint64_t j = 0; j < found->count; j++)
      if (measure->nearest.wants(rows_of(found)[j])) (void)measure->nearest.keep(rows_of(found)[j]);
  }
}

void scan_in_parallel(const table_scan_request& request, int workers, row_measure* measure) {
  EnterParallelMode();
  ParallelContext* parallel =
      CreateParallelContext("pg_stash", "stash_vector_scan_worker", workers);
  estimate(parallel, request, workers);
  InitializeParallelDSM(parallel);
  put_task(parallel, request);
  auto* shared = static_cast<ParallelTableScanDesc>(shm_toc_allocate(
      parallel->toc, table_parallelscan_estimate(request.table, GetActiveSnapshot())));
  table_parallelscan_initialize(request.table, shared, GetActiveSnapshot());
  shm_toc_insert(parallel->toc, key_scan, shared);
  const char* all = put_findings(parallel, request.max_rows);
  LaunchParallelWorkers(parallel);
  scan(table_beginscan_parallel(request.table, shared), request.table, request.column, measure);
  WaitForParallelWorkersToFinish(parallel);
  merge(all, parallel->nworkers, request.max_rows, measure);
  DestroyParallelContext(parallel);
  ExitParallelMode();
}

// In a worker.
void work(shm_toc* contents) {
  const auto* task = static_cast<const shared_task*>(shm_toc_lookup(contents, key_task, false));
  const void* numbers = shm_toc_lookup(contents, key_query, false);
  auto* shared = static_cast<ParallelTableScanDesc>(shm_toc_lookup(contents, key_scan, false));
  char* all = static_cast<char*>(shm_toc_lookup(contents, key_findings, false));
  auto* found = reinterpret_cast<findings*>(
      all + findings_size(task->max_rows) * static_cast<std::size_t>(ParallelWorkerNumber));
  const auto* exact = static_cast<const double*>(numbers);
  const prepared_query query = {task->measure, task->size, task->scale,
                                reinterpret_cast<const float*>(exact + task->size), exact};
  row_measure measure(query, task->type, task->max_distance, rows_of(found), task->max_rows);
  Relation table = table_open(task->table, AccessShareLock);
  scan(table_beginscan_parallel(table, shared), table, task->column, &measure);
  table_close(table, AccessShareLock);
  found->of_this_size = measure.of_this_size;
  found->of_other_sizes = measure.of_other_sizes;
  found->count = measure.nearest.size();
}

}  // namespace

void scan_table(const table_scan_request& request, row_measure* measure) {
  const int workers = workers_for(request.table);
  if (workers > 0) {
    scan_in_parallel(request, workers, measure);
  } else {
    // No synchronized scan: it begins anywhere, and small tables gain nothing from it.
    TableScanDesc own =
        table_beginscan_strat(request.table, GetActiveSnapshot(), 0, nullptr, true, false);
    scan(own, request.table, request.column, measure);
  }
  measure->nearest.sort();
}

ItemPointerData row_address(const near_row& row) {
  ItemPointerData address;
  ItemPointerSet(&address, static_cast<BlockNumber>(row.sequence >> 16),
                 static_cast<OffsetNumber>(row.sequence & 0xFFFF));
  return address;
}

}  // namespace stash::vectors

void stash_vector_scan_worker(dsm_segment* /*segment*/, shm_toc* contents) {
  stash::run_guarded([&] { stash::vectors::work(contents); });
}
