// The launcher's list of the databases of this server, and what it knows about each.
//
// Private to the launcher process: a new launcher begins with an empty list and looks again at
// databases in which the last one found no extension. No locks of its own; where it says so a
// function is called with the control lock held.
#pragma once

#include "boundary/postgres.hpp"
#include "worker/shared_state.hpp"

namespace stash::worker {

struct known_database {
  Oid database;  // hash key
  NameData name;
  bool seen;
  bool may_connect;   // it allows connections and is no template
  bool no_extension;  // a look has found none
  TimestampTz looked_at;
};

class roster {
 public:
  void start();

  // Reads pg_database in a transaction of its own, and calls the database_gone callbacks for what
  // the list or a slot knows and the catalog does not.
  void read_catalog();

  known_database* find(Oid database) const;
  void forget_looks();
  // Lets one database be looked at again: the one whose last look is the longest ago.
  void forget_oldest_look();

  // With the lock: the database that should have a worker next, and how many there are. `wake_at`
  // is lowered to the time at which the next one stops resting.
  known_database* next_candidate(shared_state& state, TimestampTz now, int* count,
                                 TimestampTz* wake_at) const;

 private:
  void note(Oid database, const NameData& name, bool may_connect);
  void drop_unseen();
  void free_orphaned_slots(const Oid* had_slot);

  HTAB* databases_ = nullptr;
};

}  // namespace stash::worker
