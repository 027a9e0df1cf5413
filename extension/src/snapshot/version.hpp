// Adding versions to lines: locks, the head, the row.
#pragma once

#include "session/record.hpp"
#include "snapshot/part_store.hpp"

namespace stash::memory {

// A pool and a line as they were found; held once `hold_line` returns.
struct line_ref {
  std::int64_t line = 0;
  std::int64_t pool = 0;
  digest salt{};
};

// The line of (agent_id, key), which it makes when there is none; inside as_owner. Not locked yet.
line_ref find_line(Datum agent, Datum key);
// Makes a line in a pool that is given, for a fork. False when (agent_id, key) has one already.
bool make_line(std::int64_t pool, Datum agent, Datum key);
// Shares the pool and owns the line; false when the line has gone meanwhile: find it again.
bool hold_line(const line_ref& line);

// What the head of a held line is: the latest version that is there and has not expired.
struct head_version {
  bool exists = false;
  session_id id;
  std::int64_t version = 0;
  digest content{};
  timestamp created_at = 0;
  bool same_labels = false;       // tags and metadata are those asked with
  std::int64_t last_version = 0;  // of the line, deleted ones too
};
head_version read_head(const line_ref& line, const argument& tags, const argument& metadata);

struct new_version {
  stored_root root;
  digest content{};
  std::int64_t logical_size = 0;
  argument parent = sql_null;
  argument origin = sql_null;
  argument expires_at = sql_null;
  argument tags = sql_null;
  argument metadata = sql_null;
  argument note = sql_null;
  argument embedding = sql_null;  // real[]
  bool pinned = false;
  timestamp created_at = 0;  // 0: now
  argument id = sql_null;    // null: a new one
};
struct added_version {
  session_id id;
  std::int64_t version;
};
// Adds a version to a held line, behind `head`.
added_version add_version(const line_ref& line, const head_version& head, const new_version& what);

}  // namespace stash::memory
