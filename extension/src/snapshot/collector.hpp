// Deletes parts that no version has any more: mark and sweep, a pool at a time, in short steps.
//
// A collection goes through these phases, in one transaction or in many:
//   begin   with the pool owned for a moment (locks.hpp) the pool's rows in memory_discard become
//   one
//           that says "started", and the horizon is set (marking.hpp).
//   mark    what the versions up to the horizon have is collected in memory, without a lock.
//   list    the parts of the pool that are not marked, without a lock.
//   sweep   they are deleted in batches. For each batch the pool is owned: nobody adds to it, and
//           everything that was added is committed and visible. What was added since is marked
//           first, so a part that came into use again stays; if that is more than a moment's work,
//           the batch is put off and marking goes on.
//           From the highest id down: a part has a higher id than the parts it consists of, so
//           whoever still finds one by its hash finds everything below it, between batches too.
//   lines   lines without versions go, in batches as well.
//   finish  the empty pool goes, and so does the row "started".
// What is deleted meanwhile queues the pool anew. A crash leaves the row "started", which counts as
// queued for whoever comes next.
//
// So nobody waits for longer than a batch takes, which is measured (pace.hpp): only the tables'
// size decides how long a collection takes, never how long a step does. A single part of a hundred
// megabytes is deleted in one statement, whatever that takes.
//
// Memory: about 16 bytes a living part of the pool, 8 a dead one.
#pragma once

#include "snapshot/marking.hpp"

namespace stash::memory {

enum class own { if_free, after_a_while };

class collection {
 public:
  [[nodiscard]] bool active() const { return phase_ != phase::idle; }
  void forget();

  // Each inside as_owner, in a transaction that the caller commits. Takes the next pool that is
  // queued; false when there is none. `after`: pools up to this one have had their turn. `busy` is
  // set when the pool was in use; then the collection is not active, and pool() says which it was.
  bool begin(std::int64_t after, own how, bool* busy);
  // One step: true while the collection goes on. `busy` is set when the pool was in use.
  bool step(own how, bool* busy);

  [[nodiscard]] std::int64_t pool() const { return pool_; }
  [[nodiscard]] std::int64_t deleted() const { return deleted_; }
  void set_limit(std::int64_t most_parts) { most_parts_ = most_parts; }

 private:
  enum class phase { idle, mark, list, sweep, lines, finish };
  static constexpr double all_shares = 0x1p30;
  static constexpr pace first_shares{1, 1 << 20, 1 << 30};

  bool list_some();
  void sweep_some(own how, bool* busy);
  bool own_complete(own how, bool* busy);
  void take_batch();
  std::int64_t delete_batch();
  bool find_empty_lines();
  void delete_empty_lines(own how, bool* busy);
  bool finish(own how, bool* busy);

  phase phase_ = phase::idle;
  phase after_mark_ = phase::list;
  std::int64_t pool_ = 0;
  marking marks_;
  double listed_ = 0;           // how much of the hashes has been looked through, 0 to 1
  pace shares_ = first_shares;  // of the hashes, in the next step
  std::vector<part_id> dead_;
  std::vector<part_id> batch_;
  std::int64_t last_line_ = 0;
  std::vector<std::int64_t> empty_lines_;
  std::int64_t deleted_ = 0;
  std::int64_t most_parts_ = INT64_MAX;
  std::int64_t taken_in_ = 0;  // microseconds that it took to find the batch
  pace parts_{20, 100, 1000};
  pace lines_{20, 100, 1000};
};

}  // namespace stash::memory
