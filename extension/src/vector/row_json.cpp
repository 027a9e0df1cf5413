// See row_json.hpp.
#include "vector/row_json.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "nodes/makefuncs.h"
}

namespace stash::vectors {

row_json::row_json(TupleDesc whole, const int* positions, int count) : positions_(positions) {
  part_ = CreateTemplateTupleDesc(count);
  for (int i = 0; i < count; i++)
    TupleDescCopyEntry(part_, static_cast<AttrNumber>(i + 1), whole,
                       static_cast<AttrNumber>(positions[i]));
  part_ = BlessTupleDesc(part_);
  // to_jsonb asks the expression that called it for the type of its argument.
  auto* argument = reinterpret_cast<Node*>(makeNullConst(RECORDOID, -1, InvalidOid));
  FuncExpr* call = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid, InvalidOid,
                                COERCE_EXPLICIT_CALL);
  fmgr_info(F_TO_JSONB, &to_jsonb_);
  fmgr_info_set_expr(reinterpret_cast<Node*>(call), &to_jsonb_);
}

Datum row_json::of(const Datum* values, const bool* nulls) {
  const auto count = static_cast<Size>(part_->natts);
  auto* part_values = static_cast<Datum*>(palloc(count * sizeof(Datum) + 1));
  auto* part_nulls = static_cast<bool*>(palloc(count + 1));
  for (Size i = 0; i < count; i++) {
    part_values[i] = values[positions_[i] - 1];
    part_nulls[i] = nulls[positions_[i] - 1];
  }
  const Datum row = HeapTupleGetDatum(heap_form_tuple(part_, part_values, part_nulls));
  return FunctionCall1(&to_jsonb_, row);
}

}  // namespace stash::vectors
