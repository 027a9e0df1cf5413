// The plan of `FROM session_get(...)` and `FROM session_get_by_token(...)`.
//
// A function scan collects what its function returns in a tuplestore and takes it apart again,
// which costs as much as finding the session. This custom scan finds it and fills the slot at once.
// The planner takes it wherever the function stands alone in FROM and its row is not wanted as a
// whole; for the rest (LATERAL, SELECT s FROM session_get(...) AS s, WITH ORDINALITY, a call in the
// select list) the functions themselves are called (get_fn.cpp).
//
// The scan asks for the right to execute the function, as the executor does for a function scan. It
// holds no lock and no memory beyond its row.
#include "session/session_scan.hpp"

#include "boundary/guard.hpp"
#include "session/arguments.hpp"
#include "session/reading.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_language.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
}

namespace stash {
namespace {

constexpr const char* scan_name = "stash session";

set_rel_pathlist_hook_type next_hook = nullptr;

// PostgreSQL allocates and frees it as a node; what it holds needs no destructor.
struct session_scan_state {
  CustomScanState css;
  session_function function;
  ExprState* key;
  ExprState* touch;
  bool done;
};

session_scan_state* state_of(CustomScanState* node) {
  return reinterpret_cast<session_scan_state*>(node);
}

// Which of the two a function is, by its entry in the library: only a superuser makes such
// functions.
bool is_session_function(Oid function, session_function* which) {
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return false;
  const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
  bool found = false;
  if (form->prolang == ClanguageId && form->proretset && form->pronargs == 2) {
    bool null = true;
    const Datum source = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosrc, &null);
    const std::string_view name = null ? std::string_view() : view_of(DatumGetTextPP(source));
    found = true;
    if (name == "stash_session_get")
      *which = session_function::get;
    else if (name == "stash_session_get_by_token")
      *which = session_function::get_by_token;
    else
      found = false;
  }
  ReleaseSysCache(row);
  return found;
}

FuncExpr* call_of(const RangeTblEntry* entry) {
  if (entry->rtekind != RTE_FUNCTION || entry->funcordinality) return nullptr;
  if (list_length(entry->functions) != 1) return nullptr;
  const auto* function = linitial_node(RangeTblFunction, entry->functions);
  if (!IsA(function->funcexpr, FuncExpr) || function->funccolcount != session_columns)
    return nullptr;
  auto* call = castNode(FuncExpr, function->funcexpr);
  return list_length(call->args) == 2 ? call : nullptr;
}

// The slot has the columns, not the row.
bool wants_whole_row(const RelOptInfo* table) {
  Bitmapset* columns = nullptr;
  pull_varattnos(reinterpret_cast<Node*>(table->reltarget->exprs), table->relid, &columns);
  ListCell* cell;
  foreach (cell, table->baserestrictinfo) {
    const auto* restriction = static_cast<RestrictInfo*>(lfirst(cell));
    pull_varattnos(reinterpret_cast<Node*>(restriction->clause), table->relid, &columns);
  }
  return bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
}

void add_columns(List* expressions, List** columns) {
  auto* node = reinterpret_cast<Node*>(expressions);
  ListCell* cell;
  foreach (cell, pull_var_clause(node, PVC_RECURSE_PLACEHOLDERS)) {
    auto* variable = lfirst_node(Var, cell);
    if (tlist_member(&variable->xpr, *columns) != nullptr) continue;
    const auto number = static_cast<AttrNumber>(list_length(*columns) + 1);
    *columns = lappend(*columns, makeTargetEntry(&variable->xpr, number, nullptr, false));
  }
}

// The columns that the plan reads, each once. To describe a column costs a look-up at every start
// of the executor, so those that nobody asked for are left out. The planner may put another list of
// targets in the place of this one later, over what the table's target has.
List* columns_read(List* targets, List* conditions, const RelOptInfo* table) {
  List* columns = NIL;
  add_columns(targets, &columns);
  add_columns(table->reltarget->exprs, &columns);
  add_columns(conditions, &columns);
  return columns;
}

Node* create_state(CustomScan* plan);
TupleTableSlot* next_row(CustomScanState* node);
void begin_scan(CustomScanState* node, EState* executor, int flags);
void end_scan(CustomScanState* node);
void scan_again(CustomScanState* node);
Plan* make_plan(PlannerInfo* root, RelOptInfo* table, CustomPath* path, List* targets,
                List* clauses, List* children);

const CustomPathMethods path_methods = {scan_name, make_plan, nullptr};
const CustomScanMethods plan_methods = {scan_name, create_state};
const CustomExecMethods run_methods = {
    scan_name, begin_scan, next_row, end_scan, scan_again, nullptr, nullptr,
    nullptr,   nullptr,    nullptr,  nullptr,  nullptr,    nullptr,
};

Plan* make_plan(PlannerInfo* root, RelOptInfo* table, CustomPath* path, List* targets,
                List* clauses, [[maybe_unused]] List* children) {
  const FuncExpr* call = call_of(planner_rt_fetch(table->relid, root));
  auto* scan = makeNode(CustomScan);
  scan->scan.plan.targetlist = targets;
  scan->scan.plan.qual = extract_actual_clauses(clauses, false);
  // Not a table's: the columns come from the list below.
  scan->scan.scanrelid = 0;
  scan->flags = path->flags;
  // The call itself, so that the plan depends on the function.
  scan->custom_exprs = list_make1(copyObjectImpl(call));
  scan->custom_scan_tlist = columns_read(targets, scan->scan.plan.qual, table);
  // Which function, then the columns: what would have to be looked up again at every start.
  scan->custom_private = list_copy(path->custom_private);
  ListCell* cell;
  foreach (cell, scan->custom_scan_tlist) {
    const auto* column = reinterpret_cast<Var*>(lfirst_node(TargetEntry, cell)->expr);
    scan->custom_private = lappend_int(scan->custom_private, column->varattno - 1);
  }
  scan->methods = &plan_methods;
  return &scan->scan.plan;
}

void on_paths(PlannerInfo* root, RelOptInfo* table, Index index, RangeTblEntry* entry) {
  if (next_hook != nullptr) next_hook(root, table, index, entry);
  const FuncExpr* call = call_of(entry);
  session_function which{};
  if (call == nullptr || !is_session_function(call->funcid, &which)) return;
  if (table->pathlist == NIL || !bms_is_empty(table->lateral_relids) || wants_whole_row(table))
    return;
  const auto* scan = static_cast<const Path*>(linitial(table->pathlist));
  auto* path = makeNode(CustomPath);
  path->path.pathtype = T_CustomScan;
  path->path.parent = table;
  path->path.pathtarget = table->reltarget;
  path->path.rows = scan->rows;
  // Clearly less than the function scan, which it is.
  path->path.startup_cost = scan->startup_cost / 2;
  path->path.total_cost = path->path.startup_cost + ((scan->total_cost - scan->startup_cost) / 2);
  path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
  path->custom_private = list_make1_int(static_cast<int>(which));
  path->methods = &path_methods;
  add_path(table, &path->path);
}

Node* create_state([[maybe_unused]] CustomScan* plan) {
  auto* state = static_cast<session_scan_state*>(palloc0(sizeof(session_scan_state)));
  NodeSetTag(state, T_CustomScanState);
  state->css.methods = &run_methods;
  return reinterpret_cast<Node*>(state);
}

void begin_scan(CustomScanState* node, [[maybe_unused]] EState* executor,
                [[maybe_unused]] int flags) {
  session_scan_state* state = state_of(node);
  const auto* plan = castNode(CustomScan, node->ss.ps.plan);
  const FuncExpr* call = linitial_node(FuncExpr, plan->custom_exprs);
  if (!compat::may_execute(call->funcid, GetUserId()))
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(call->funcid));
  InvokeFunctionExecuteHook(call->funcid);
  state->function = static_cast<session_function>(linitial_int(plan->custom_private));
  state->key = ExecInitExpr(static_cast<Expr*>(linitial(call->args)), &node->ss.ps);
  state->touch = ExecInitExpr(static_cast<Expr*>(lsecond(call->args)), &node->ss.ps);
}

void fill_slot(session_scan_state* state, TupleTableSlot* slot) {
  ExprContext* context = state->css.ss.ps.ps_ExprContext;
  bool null = true;
  const Datum key = ExecEvalExpr(state->key, context, &null);
  if (null) return;
  const bool touch = DatumGetBool(ExecEvalExpr(state->touch, context, &null)) && !null;
  const auto what = lookup_of(state->function, key);
  if (!what) return;
  const living_session found = find_and_touch(*what, touch);
  if (!found.record) return;
  int at = 0;
  const ListCell* cell;
  for_each_from(cell, castNode(CustomScan, state->css.ss.ps.plan)->custom_private, 1) {
    form_column(*found.record, found.seen_at, lfirst_int(cell), &slot->tts_values[at],
                &slot->tts_isnull[at]);
    at++;
  }
  ExecStoreVirtualTuple(slot);
}

// What ExecScan asks for: the session once, then the end. It lies in the memory of the row.
TupleTableSlot* find_row(ScanState* node) {
  auto* state = reinterpret_cast<session_scan_state*>(node);
  TupleTableSlot* slot = ExecClearTuple(node->ss_ScanTupleSlot);
  if (state->done) return slot;
  state->done = true;
  MemoryContext before = MemoryContextSwitchTo(node->ps.ps_ExprContext->ecxt_per_tuple_memory);
  run_guarded([&] { fill_slot(state, slot); });
  MemoryContextSwitchTo(before);
  return slot;
}

bool is_still_there([[maybe_unused]] ScanState* node, [[maybe_unused]] TupleTableSlot* slot) {
  return true;
}

TupleTableSlot* next_row(CustomScanState* node) {
  return ExecScan(&node->ss, find_row, is_still_there);
}

void end_scan([[maybe_unused]] CustomScanState* node) {}

void scan_again(CustomScanState* node) {
  ExecScanReScan(&node->ss);
  state_of(node)->done = false;
}

}  // namespace

void install_session_scan() {
  RegisterCustomScanMethods(&plan_methods);
  next_hook = set_rel_pathlist_hook;
  set_rel_pathlist_hook = on_paths;
}

}  // namespace stash
