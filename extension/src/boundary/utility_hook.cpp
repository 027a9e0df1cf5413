// Installs the ProcessUtility hook and calls its observers (see utility_hook.hpp).
#include "boundary/utility_hook.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr int max_observers = 4;
utility_observer observers[max_observers];
int observer_count = 0;
ProcessUtility_hook_type previous_hook = nullptr;

void call(void (*utility_observer::*member)(Node*), Node* statement) {
  for (int i = 0; i < observer_count; i++)
    if (observers[i].*member != nullptr) (observers[i].*member)(statement);
}

void on_utility(PlannedStmt* planned, const char* query, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo params, QueryEnvironment* environment,
                DestReceiver* destination, QueryCompletion* completion) {
  Node* statement = planned->utilityStmt;
  // COMMIT and its like are no business of the observers and the most frequent utility statements.
  const bool watched = !IsA(statement, TransactionStmt);
  PG_TRY();
  {
    if (watched) call(&utility_observer::before, statement);
    if (previous_hook != nullptr)
      previous_hook(planned, query, read_only_tree, context, params, environment, destination,
                    completion);
    else
      standard_ProcessUtility(planned, query, read_only_tree, context, params, environment,
                              destination, completion);
    if (watched) call(&utility_observer::after, statement);
  }
  PG_FINALLY();
  {
    if (watched) call(&utility_observer::cleanup, statement);
  }
  PG_END_TRY();
}

}  // namespace

void register_utility_observer(const utility_observer& observer) {
  if (observer_count == max_observers) elog(ERROR, "too many utility observers in pg_stash");
  observers[observer_count++] = observer;
}

void install_utility_hook() {
  previous_hook = ProcessUtility_hook;
  ProcessUtility_hook = on_utility;
}

}  // namespace stash
