// SQL entry point memory_difference: what makes one jsonb of another (see difference.hpp).
#include "snapshot/difference.hpp"

#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "snapshot/content.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

// memory_difference(before, after)
STASH_FUNCTION(memory_difference) {
  InitMaterializedSRF(fcinfo, 0);
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  const std::string_view before = container_of(PG_GETARG_DATUM(0));
  const std::string_view after = container_of(PG_GETARG_DATUM(1));
  auto* steps = make_in_context<std::vector<patch_step>>();
  run_core([&] { *steps = difference(before, after, interrupt_waits); });
  auto* rows = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash steps", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext outer = MemoryContextSwitchTo(scratch);
  for (const patch_step& each : *steps) {
    CHECK_FOR_INTERRUPTS();
    Datum columns[4] = {PointerGetDatum(cstring_to_text_with_len(
                            each.path.data(), static_cast<int>(each.path.size()))),
                        CStringGetTextDatum(patch_name(each.kind)), 0, 0};
    bool nulls[4] = {false, false, each.kind == patch_kind::add, each.kind == patch_kind::remove};
    if (!nulls[2]) columns[2] = jsonb_of_value(each.old_value);
    if (!nulls[3]) columns[3] = jsonb_of_value(each.new_value);
    tuplestore_putvalues(rows->setResult, rows->setDesc, columns, nulls);
    MemoryContextReset(scratch);
  }
  MemoryContextSwitchTo(outer);
  MemoryContextDelete(scratch);
  PG_RETURN_NULL();
}

}  // namespace stash::memory
