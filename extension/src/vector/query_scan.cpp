// See query_scan.hpp.
#include "vector/query_scan.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "tcop/dest.h"
}

namespace stash::vectors {
namespace {

// The executor's receiver comes first: it is what the executor knows of us.
struct receiver {
  DestReceiver base;
  row_measure* measure;
  MemoryContext results;
  TupleDesc described;
  std::uint64_t seen;
};

receiver* ours(DestReceiver* base) { return reinterpret_cast<receiver*>(base); }

void start(DestReceiver* self, int /*operation*/, TupleDesc described) {
  const MemoryContext before = MemoryContextSwitchTo(ours(self)->results);
  ours(self)->described = CreateTupleDescCopy(described);
  MemoryContextSwitchTo(before);
}

bool receive(TupleTableSlot* slot, DestReceiver* self) {
  receiver* into = ours(self);
  bool null = false;
  const Datum embedding = slot_getattr(slot, 1, &null);
  near_row row = {0, into->seen++, nullptr};
  if (!into->measure->wants(embedding, null, &row)) return true;
  const MemoryContext before = MemoryContextSwitchTo(into->results);
  row.row = ExecCopySlotHeapTuple(slot);
  void* given_up = into->measure->nearest.keep(row);
  if (given_up != nullptr) heap_freetuple(static_cast<HeapTuple>(given_up));
  MemoryContextSwitchTo(before);
  return true;
}

void nothing(DestReceiver* /*self*/) {}

ParamListInfo parameter_list(Datum parameters) {
  if (parameters == 0) return nullptr;
  ParamListInfo list = makeParamList(1);
  list->params[0] = {parameters, false, PARAM_FLAG_CONST, TEXTARRAYOID};
  return list;
}

}  // namespace

TupleDesc scan_query(const char* text, Datum parameters, row_measure* measure) {
  receiver into = {};
  into.base.receiveSlot = receive;
  into.base.rStartup = start;
  into.base.rShutdown = nothing;
  into.base.rDestroy = nothing;
  into.base.mydest = DestNone;
  into.measure = measure;
  into.results = CurrentMemoryContext;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  SPIExecuteOptions options = {};
  options.params = parameter_list(parameters);
  options.read_only = true;
  options.dest = &into.base;
  const int code = SPI_execute_extended(text, &options);
  if (code < 0) elog(ERROR, "could not run \"%s\": %s", text, SPI_result_code_string(code));
  SPI_finish();
  measure->nearest.sort();
  return into.described;
}

}  // namespace stash::vectors
