// Deletes parts that no version has any more: mark and sweep, a pool at a time, in short steps.
//
// A collection goes through these phases, in one transaction or in many:
//   begin   the pool's rows in memory_discard become one that says "started".
//   mark    what the versions of each line have is collected in memory. A line is known up to a
//           version (its mark); versions of a line are numbered in the order of their commits, so
//           whatever comes later has a higher number.
//   sweep   parts that are not marked are deleted in batches. For each batch the pool is owned
//           (locks.hpp): nobody adds to it, and everything that was added is committed and visible.
//           What was added since is marked first, so a part that came into use again stays.
//           From the highest id down: a part has a higher id than the parts it consists of, so
//           whoever still finds one by its hash finds everything below it, between batches too.
//   finish  the lines without versions and the empty pool go, and so does the row "started".
// What is deleted meanwhile queues the pool anew. A crash leaves the row "started", which counts as
// queued for whoever comes next.
//
// Memory: about 16 bytes a living part of the pool, 32 a line.
#pragma once

#include "snapshot/reach.hpp"

namespace stash::memory {

enum class own { if_free, after_a_while };

class collection {
 public:
  [[nodiscard]] bool active() const { return phase_ != phase::idle; }
  void forget();

  // Each inside as_owner, in a transaction that the caller commits. Takes the next pool that is
  // queued; false when there is none. `after`: pools up to this one have had their turn.
  bool begin(std::int64_t after);
  // One step: true while the collection goes on. `busy` is set when the pool was in use.
  bool step(own how, bool* busy);

  [[nodiscard]] std::int64_t pool() const { return pool_; }
  [[nodiscard]] std::int64_t deleted() const { return deleted_; }
  void set_limit(std::int64_t most_parts) { most_parts_ = most_parts; }

 private:
  enum class phase { idle, mark, sweep, finish };

  bool mark_some();
  void mark_rest();
  bool mark_line(std::int64_t line);
  bool find_dead();
  bool delete_dead(own how, bool* busy);
  bool finish(own how, bool* busy);

  phase phase_ = phase::idle;
  std::int64_t pool_ = 0;
  part_set living_;
  std::unordered_map<std::int64_t, std::int64_t> marks_;  // line → version
  std::int64_t next_line_ = 0;
  part_id swept_ = 0;
  std::vector<part_id> dead_;
  std::int64_t deleted_ = 0;
  std::int64_t most_parts_ = INT64_MAX;
};

}  // namespace stash::memory
