// The triggers of synchronised tables: they write the changed keys into the outbox.
//
// AFTER ROW, ENABLE ALWAYS, so that every kind of change comes here: DML, COPY, upsert, MERGE,
// cascades, logical replication's apply, session_replication_role = replica, partitions addressed
// directly. Arguments: the sync's id, the tenant column or '', the number of embedding columns,
// their names, the names of the property columns. A name that is not there any more makes every
// update count as a change; the worker then says what is missing.
#include "boundary/guard.hpp"
#include "vector/outbox.hpp"
#include "vector/row_key.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "utils/datum.h"
}

namespace stash {
namespace {

constexpr int fixed_arguments = 3;

// What one statement's trigger knows of its table; lives in fn_extra.
struct row_reader {
  std::int32_t sync;
  key_columns key;
  FmgrInfo print[INDEX_MAX_KEYS];
  bool by_settings;
  AttrNumber tenant;
  FmgrInfo print_tenant;
  int embeddings;  // of `mapped`, the first ones
  bool complete;   // every mapped column is there
  bool asked_for_all;
  int mapped_count;
  AttrNumber mapped[FLEXIBLE_ARRAY_MEMBER];
};

[[noreturn]] void refuse_call() {
  ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                  errmsg("this function is called by triggers of stash.vector_sync_enable only")));
  pg_unreachable();
}

const TriggerData* trigger_data(FunctionCallInfo fcinfo, int arguments) {
  if (!CALLED_AS_TRIGGER(fcinfo)) refuse_call();
  const auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (data->tg_trigger->tgnargs < arguments) refuse_call();
  return data;
}

AttrNumber column_of(TupleDesc shape, const char* name) {
  const int number = SPI_fnumber(shape, name);
  return number > 0 ? static_cast<AttrNumber>(number) : InvalidAttrNumber;
}

void prepare_print(FmgrInfo* print, Oid type, MemoryContext memory) {
  Oid output = InvalidOid;
  bool variable = false;
  getTypeOutputInfo(type, &output, &variable);
  fmgr_info_cxt(output, print, memory);
}

row_reader* make_reader(const TriggerData* data, MemoryContext memory) {
  const Trigger* trigger = data->tg_trigger;
  TupleDesc shape = RelationGetDescr(data->tg_relation);
  const int mapped = trigger->tgnargs - fixed_arguments;
  auto* reader = static_cast<row_reader*>(MemoryContextAllocZero(
      memory,
      offsetof(row_reader, mapped) + sizeof(AttrNumber) * static_cast<std::size_t>(mapped)));
  reader->sync = pg_strtoint32(trigger->tgargs[0]);
  reader->embeddings = pg_strtoint32(trigger->tgargs[2]);
  reader->complete = true;
  reader->mapped_count = mapped;
  for (int i = 0; i < mapped; i++) {
    reader->mapped[i] = column_of(shape, trigger->tgargs[fixed_arguments + i]);
    reader->complete = reader->complete && reader->mapped[i] != InvalidAttrNumber;
  }
  reader->key = primary_key_of(data->tg_relation);
  for (int i = 0; i < reader->key.count; i++) {
    const Oid type = TupleDescAttr(shape, reader->key.numbers[i] - 1)->atttypid;
    reader->by_settings = reader->by_settings || prints_by_settings(type);
    prepare_print(&reader->print[i], type, memory);
  }
  if (trigger->tgargs[1][0] != '\0') {
    reader->tenant = column_of(shape, trigger->tgargs[1]);
    reader->complete = reader->complete && reader->tenant != InvalidAttrNumber;
    if (reader->tenant != InvalidAttrNumber)
      prepare_print(&reader->print_tenant, TupleDescAttr(shape, reader->tenant - 1)->atttypid,
                    memory);
  }
  return reader;
}

row_reader* reader_for(FunctionCallInfo fcinfo, const TriggerData* data) {
  if (fcinfo->flinfo->fn_extra == nullptr)
    fcinfo->flinfo->fn_extra = make_reader(data, fcinfo->flinfo->fn_mcxt);
  return static_cast<row_reader*>(fcinfo->flinfo->fn_extra);
}

// Without a primary key, which somebody dropped, only all rows together can be asked for.
bool lost_key(row_reader* reader) {
  if (reader->key.count > 0) return false;
  if (!reader->asked_for_all) {
    write_outbox(reader->sync, change::backfill, nullptr, "", 0);
    write_outbox(reader->sync, change::sweep, nullptr, "", 0);
    reader->asked_for_all = true;
  }
  return true;
}

void write_row_key(row_reader* reader, HeapTuple row, TupleDesc shape) {
  static std::string* image = new std::string;
  image->clear();
  const int nest = reader->by_settings ? enter_key_settings() : 0;
  for (int i = 0; i < reader->key.count; i++) {
    bool null = false;
    const Datum value = heap_getattr(row, reader->key.numbers[i], shape, &null);
    append_key_part(image, null ? "" : OutputFunctionCall(&reader->print[i], value),
                    reader->key.count);
  }
  const char* tenant = nullptr;
  if (reader->tenant != InvalidAttrNumber) {
    bool null = false;
    const Datum value = heap_getattr(row, reader->tenant, shape, &null);
    if (!null) tenant = OutputFunctionCall(&reader->print_tenant, value);
  }
  if (nest > 0) leave_key_settings(nest);
  write_outbox(reader->sync, change::key, tenant, image->data(), image->size());
}

// By image: a value that was toasted anew counts as changed.
bool same(AttrNumber number, HeapTuple before, HeapTuple after, TupleDesc shape) {
  bool null_before = false;
  bool null_after = false;
  const Datum old_value = heap_getattr(before, number, shape, &null_before);
  const Datum new_value = heap_getattr(after, number, shape, &null_after);
  if (null_before || null_after) return null_before == null_after;
  const FormData_pg_attribute* column = TupleDescAttr(shape, number - 1);
  return datumIsEqual(old_value, new_value, column->attbyval, column->attlen);
}

bool has_embedding(const row_reader* reader, HeapTuple row, TupleDesc shape) {
  if (!reader->complete) return true;
  for (int i = 0; i < reader->embeddings; i++)
    if (!heap_attisnull(row, reader->mapped[i], shape)) return true;
  return false;
}

bool key_moved(const row_reader* reader, HeapTuple before, HeapTuple after, TupleDesc shape) {
  for (int i = 0; i < reader->key.count; i++)
    if (!same(reader->key.numbers[i], before, after, shape)) return true;
  return reader->tenant != InvalidAttrNumber && !same(reader->tenant, before, after, shape);
}

bool content_changed(const row_reader* reader, HeapTuple before, HeapTuple after, TupleDesc shape) {
  if (!reader->complete) return true;
  for (int i = 0; i < reader->mapped_count; i++)
    if (!same(reader->mapped[i], before, after, shape)) return true;
  return false;
}

// Rows without an embedding have no object, before or after.
void row_updated(row_reader* reader, const TriggerData* data, TupleDesc shape) {
  const bool before = has_embedding(reader, data->tg_trigtuple, shape);
  const bool after = has_embedding(reader, data->tg_newtuple, shape);
  const bool moved = key_moved(reader, data->tg_trigtuple, data->tg_newtuple, shape);
  if (moved) {
    if (before) write_row_key(reader, data->tg_trigtuple, shape);
    if (after) write_row_key(reader, data->tg_newtuple, shape);
  } else if ((before || after) &&
             content_changed(reader, data->tg_trigtuple, data->tg_newtuple, shape)) {
    write_row_key(reader, data->tg_newtuple, shape);
  }
}

}  // namespace

// AFTER INSERT OR UPDATE OR DELETE, FOR EACH ROW
STASH_FUNCTION(vector_row_changed) {
  const TriggerData* data = trigger_data(fcinfo, fixed_arguments + 1);
  if (!TRIGGER_FIRED_FOR_ROW(data->tg_event)) refuse_call();
  row_reader* reader = reader_for(fcinfo, data);
  TupleDesc shape = RelationGetDescr(data->tg_relation);
  if (lost_key(reader)) return PointerGetDatum(nullptr);
  if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
    row_updated(reader, data, shape);
  else if (has_embedding(reader, data->tg_trigtuple, shape))
    write_row_key(reader, data->tg_trigtuple, shape);
  return PointerGetDatum(nullptr);
}

// AFTER TRUNCATE
STASH_FUNCTION(vector_truncated) {
  const TriggerData* data = trigger_data(fcinfo, 1);
  write_outbox(pg_strtoint32(data->tg_trigger->tgargs[0]), change::sweep, nullptr, "", 0);
  return PointerGetDatum(nullptr);
}

}  // namespace stash
