// Ending sessions: the rows go, their touches too, and the history says how; one place for all.
//
// The row trigger of stash.session invalidates the hot copies, whoever deletes. It logs a deletion
// as an administrator's own unless it comes from here.
#pragma once

#include <span>

#include "session/statement.hpp"
#include "session/table.hpp"

namespace stash {

enum class end_kind : std::uint8_t { expired, idle, deleted, revoked, evicted };
const char* end_name(end_kind kind);

// A session that may end, with what decides whether it lives.
struct candidate {
  session_id id;
  timestamp created_at;
  timestamp seen_at;  // the freshest touch
  timestamp expires_at;
  timestamp idle_limit;
  bool exact;  // seen_at is not older than the true last touch
};

struct ending {
  session_id id;
  end_kind kind;
  timestamp ended_at;
  timestamp last_seen_at;
};

// Runs a statement whose columns are: id, created_at, the table's last touch, expires_at, idle_ttl.
// Again, if what it found is not exact. Lives as long as SPI's memory.
std::span<candidate> find_candidates(statement& which, std::initializer_list<argument> values);
// Whether it lives, as far as anybody knows.
bool may_live(const candidate& session, timestamp now);
session_end ended_by(const candidate& session, timestamp now);
// How and when a session that is beyond its limits ended.
ending overdue_ending(const candidate& session);

// Ends the sessions that are still there, in the present transaction, inside as_owner. How many.
// ended_by: a role's name, or nullptr for the worker.
std::uint64_t end_sessions(std::span<const ending> endings, const char* reason,
                           const char* ended_by);
// The slot of the history's ring for a moment.
int history_slot(timestamp at);

// Whose deletion the row trigger sees.
enum class origin : std::uint8_t { direct, extension, worker };
origin change_origin();
// Runs a statement as ours; restores the origin also after an error.
std::uint64_t run_as(origin whose, statement& what, std::initializer_list<argument> values);

}  // namespace stash
