// The launcher's list of databases (see roster.hpp).
#include "worker/roster.hpp"

#include <algorithm>

#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/pg_database.h"
}

namespace stash::worker {
namespace {

// A DROP DATABASE that was interrupted leaves this in datconnlimit; nobody can connect any more.
constexpr int32 invalid_database = -2;

struct candidate {
  known_database* database;
  TimestampTz waiting_since;
};

}  // namespace

void roster::start() {
  HASHCTL control;
  memset(&control, 0, sizeof control);
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(known_database);
  databases_ = hash_create("pg_stash databases", 64, &control, HASH_ELEM | HASH_BLOBS);
}

void roster::note(Oid database, const NameData& name, bool may_connect) {
  bool found = false;
  auto* entry =
      static_cast<known_database*>(hash_search(databases_, &database, HASH_ENTER, &found));
  if (!found) {
    memset(entry, 0, sizeof *entry);
    entry->database = database;
  }
  entry->name = name;
  entry->seen = true;
  entry->may_connect = may_connect;
}

void roster::read_catalog() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, databases_);
  while (auto* entry = static_cast<known_database*>(hash_seq_search(&status))) entry->seen = false;

  // Before the snapshot: a slot that is added later may be of a database that it does not see.
  Oid had_slot[max_databases];
  {
    locked state(LW_SHARED);
    for (int i = 0; i < max_databases; i++) had_slot[i] = state->slots[i].database;
  }

  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  (void)GetTransactionSnapshot();
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    auto* row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    note(row->oid, row->datname,
         row->datallowconn && !row->datistemplate && row->datconnlimit != invalid_database);
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
  CommitTransactionCommand();

  drop_unseen();
  free_orphaned_slots(had_slot);
}

void roster::drop_unseen() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, databases_);
  while (auto* entry = static_cast<known_database*>(hash_seq_search(&status))) {
    if (entry->seen) continue;
    const Oid database = entry->database;
    hash_search(databases_, &database, HASH_REMOVE, nullptr);
    {
      locked state;
      if (database_slot* slot = find_slot(*state, database);
          slot != nullptr && slot->state == slot_state::idle)
        free_slot(*slot);
    }
    call_database_gone(database);
  }
}

// Slots of databases that were dropped before this launcher came to know them.
void roster::free_orphaned_slots(const Oid* had_slot) {
  for (int i = 0; i < max_databases; i++) {
    const Oid database = had_slot[i];
    if (!OidIsValid(database) || find(database) != nullptr) continue;
    {
      locked state;
      database_slot& slot = state->slots[i];
      if (slot.database != database || slot.state != slot_state::idle) continue;
      free_slot(slot);
    }
    call_database_gone(database);
  }
}

known_database* roster::find(Oid database) const {
  return static_cast<known_database*>(hash_search(databases_, &database, HASH_FIND, nullptr));
}

void roster::forget_looks() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, databases_);
  while (auto* entry = static_cast<known_database*>(hash_seq_search(&status)))
    entry->no_extension = false;
}

void roster::forget_oldest_look() {
  known_database* oldest = nullptr;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, databases_);
  while (auto* entry = static_cast<known_database*>(hash_seq_search(&status)))
    if (entry->no_extension && (oldest == nullptr || entry->looked_at < oldest->looked_at))
      oldest = entry;
  if (oldest != nullptr) oldest->no_extension = false;
}

known_database* roster::next_candidate(shared_state& state, TimestampTz now, int* count,
                                       TimestampTz* wake_at) const {
  candidate best = {nullptr, 0};
  *count = 0;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, databases_);
  while (auto* entry = static_cast<known_database*>(hash_seq_search(&status))) {
    if (!entry->may_connect || is_blocked(state, entry->database)) continue;
    const database_slot* slot = find_slot(state, entry->database);
    if (slot == nullptr && entry->no_extension) continue;
    if (slot != nullptr && slot->state != slot_state::idle) continue;
    // Ended since the endings were reviewed; the next review frees it.
    if (slot != nullptr && slot->ended == ending::no_extension && !slot->looked_for) continue;
    if (slot != nullptr && slot->retry_at > now) {
      *wake_at = std::min(*wake_at, slot->retry_at);
      continue;
    }
    (*count)++;
    const TimestampTz since = slot != nullptr ? slot->ended_at : entry->looked_at;
    if (best.database == nullptr || since < best.waiting_since) best = {entry, since};
  }
  return best.database;
}

}  // namespace stash::worker
