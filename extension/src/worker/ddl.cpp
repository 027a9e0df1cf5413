// Watches DDL: gets workers out of the way of commands on databases, tells the launcher at commit.
//
// A command that needs a database without connections (DROP, RENAME, SET TABLESPACE, CREATE from it
// as the template) blocks the database before it runs. The block stands until the transaction ends,
// however it ends, FATAL included: such commands hold a lock on the database until then, and a
// worker that came earlier would only wait for it, or find the database gone. What a transaction
// changed is remembered here and told to the launcher when it commits; a rollback leaves nothing. A
// rollback to a savepoint leaves the wish to look, which costs one look.
//
// Locks: the control lock. The callback allocates nothing and raises nothing.
#include "worker/ddl.hpp"

#include <csignal>

#include "boundary/utility_hook.hpp"
#include "worker/schedule.hpp"
#include "worker/shared_state.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
}

namespace stash::worker {
namespace {

// A worker that has not left by then, being in the middle of a task, gets SIGTERM ...
constexpr std::int64_t patience_us = second_us / 2;
// ... and after this the command goes on without waiting: it may report the connection itself.
constexpr std::int64_t limit_us = 10 * second_us;
constexpr long recheck_ms = 100;

// What the present transaction did. Process-local.
struct {
  int blocks;
  bool look;    // at the extension of this database
  bool rescan;  // the list of databases changed
  Oid dropped;
} pending;

const char* option(const List* options, const char* name) {
  ListCell* cell = nullptr;
  foreach (cell, options) {
    auto* element = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(element->defname, name) == 0) return defGetString(element);
  }
  return nullptr;
}

// The database that nobody else may be connected to while the command runs, if it is one.
const char* exclusive_database(Node* statement) {
  switch (nodeTag(statement)) {
    case T_DropdbStmt:
      return castNode(DropdbStmt, statement)->dbname;
    case T_RenameStmt: {
      auto* rename = castNode(RenameStmt, statement);
      return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
    }
    case T_AlterDatabaseStmt: {
      auto* alter = castNode(AlterDatabaseStmt, statement);
      return option(alter->options, "tablespace") != nullptr ? alter->dbname : nullptr;
    }
    case T_CreatedbStmt: {
      const char* source = option(castNode(CreatedbStmt, statement)->options, "template");
      return source != nullptr ? source : "template1";
    }
    default:
      return nullptr;
  }
}

// The command will be refused to others; they shall not be able to stop our worker with it. (Who is
// no owner may copy templates, but templates have no worker.)
bool is_owner(Oid database) {
  HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
  if (!HeapTupleIsValid(tuple)) return false;
  const Oid owner = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datdba;
  ReleaseSysCache(tuple);
  return has_privs_of_role(GetUserId(), owner);
}

bool add_block(Oid database) {
  locked state;
  for (database_block& block : state->blocks) {
    if (OidIsValid(block.database)) continue;
    block = {database, MyProcPid};
    pending.blocks++;
    return true;
  }
  return false;
}

// Asks the worker to leave; returns false when there is none.
bool urge_to_leave(Oid database, bool insist) {
  locked state;
  database_slot* slot = find_slot(*state, database);
  if (slot == nullptr || slot->worker.pid == 0) return false;
  slot->stop = true;
  wake(slot->worker);
  // Under the lock the pid is the worker's: it clears the slot before it exits.
  if (insist) kill(slot->worker.pid, SIGTERM);
  return true;
}

void wait_until_left(Oid database) {
  static uint32 wait_event = 0;
  if (wait_event == 0) wait_event = compat::wait_event_new("StashWorkerLeave");
  const TimestampTz start = GetCurrentTimestamp();
  bool insisted = false;
  ConditionVariablePrepareToSleep(worker_left());
  while (true) {
    const TimestampTz waited = GetCurrentTimestamp() - start;
    const bool insist = !insisted && waited >= patience_us;
    if (!urge_to_leave(database, insist) || waited >= limit_us) break;
    insisted = insisted || insist;
    (void)ConditionVariableTimedSleep(worker_left(), recheck_ms, wait_event);
  }
  ConditionVariableCancelSleep();
}

void before(Node* statement) {
  const char* name = exclusive_database(statement);
  if (name == nullptr) return;
  const Oid database = get_database_oid(name, true);
  if (!OidIsValid(database) || !is_owner(database)) return;
  // With every block taken, the worker leaves and may come back too early; the command may then
  // report the connection, as it would for any other.
  (void)add_block(database);
  if (IsA(statement, DropdbStmt)) pending.dropped = database;
  wait_until_left(database);
}

void after(Node* statement) {
  switch (nodeTag(statement)) {
    case T_CreateExtensionStmt:
    case T_AlterExtensionStmt:
    case T_AlterExtensionContentsStmt:
    case T_DropOwnedStmt:
      pending.look = true;
      break;
    case T_DropStmt: {
      const ObjectType type = castNode(DropStmt, statement)->removeType;
      if (type == OBJECT_EXTENSION || type == OBJECT_SCHEMA) pending.look = true;
      break;
    }
    case T_CreatedbStmt:
    case T_DropdbStmt:
    case T_AlterDatabaseStmt:
      pending.rescan = true;
      break;
    case T_RenameStmt:
      if (castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE) pending.rescan = true;
      break;
    default:
      break;
  }
}

void tell(bool committed) {
  locked state;
  if (pending.blocks > 0)
    for (database_block& block : state->blocks)
      if (OidIsValid(block.database) && block.owner == MyProcPid) block.database = InvalidOid;
  if (committed && pending.look) look_for(*state, MyDatabaseId);
  if (committed && pending.rescan) state->rescan = true;
  // The slot makes sure that the launcher, and its successor too, learns that the database is gone.
  if (committed && OidIsValid(pending.dropped)) look_for(*state, pending.dropped);
  wake(state->launcher);
}

void at_transaction_end(XactEvent event, void*) {
  if (pending.blocks == 0 && !pending.look && !pending.rescan) return;
  // After PREPARE the changes are not to be seen yet. The look comes early, the next one does not
  // depend on us: see README.md.
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
    return;
  tell(event != XACT_EVENT_ABORT);
  pending = {};
}

}  // namespace

void watch_ddl() {
  register_utility_observer({.before = before, .after = after, .cleanup = nullptr});
  RegisterXactCallback(at_transaction_end, nullptr);
}

}  // namespace stash::worker
