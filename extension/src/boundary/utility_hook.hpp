// The chain on ProcessUtility: modules look at DDL before and after it runs.
//
// `before` may raise an error and so refuse the statement. `after` runs only when the statement
// succeeded; `cleanup` always runs, also after an error. Register in _PG_init only.
#pragma once

struct PlannedStmt;
struct Node;

namespace stash {

struct utility_observer {
  void (*before)(Node* statement);
  void (*after)(Node* statement);
  void (*cleanup)(Node* statement);
};

void register_utility_observer(const utility_observer& observer);
void install_utility_hook();

}  // namespace stash
