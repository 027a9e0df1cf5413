// What the versions of a pool have, found in steps of a bounded size: the collector's marking.
//
// Every version carries a number, `added`, from a sequence, drawn while its transaction shares the
// pool (locks.hpp). So whoever owns the pool for a moment knows: what has a number up to the
// highest there is, is committed or will never be, and what comes later has a higher one. That
// number is the horizon; up to it versions are read without any lock, in the order of their
// numbers, each once.
//
// A part that was met and not yet looked below is in the frontier. Only when the frontier is empty
// everything below a marked part is marked.
//
// Memory: 16 bytes a marked part, 8 a part of the frontier.
#pragma once

#include "snapshot/pace.hpp"
#include "snapshot/reach.hpp"

namespace stash::memory {

class marking {
 public:
  void begin(std::int64_t pool);
  void clear();

  // With the pool owned: how far versions are to be read.
  void set_horizon();
  // One step towards it, without a lock; false when it is reached.
  bool step();
  // Marks what came since, as far as that is little, and moves nothing: for the step before the
  // pool is owned, so that little is left to do then.
  void look_ahead();
  // With the pool owned: true when everything that there is is marked. False: it was too much for a
  // moment; the horizon is set, go on with step().
  bool catch_up();

  [[nodiscard]] bool has(part_id id) const { return reached_.has(id); }
  // The lines of the versions that the last catch_up read.
  [[nodiscard]] const std::vector<std::int64_t>& late_lines() const { return late_lines_; }

 private:
  std::uint64_t read_versions(std::int64_t most_added, std::int64_t most_rows, std::int64_t* last);
  bool look_below(std::int64_t most_parts);

  std::int64_t pool_ = 0;
  std::int64_t read_to_ = 0;
  std::int64_t horizon_ = 0;
  part_set reached_;
  std::vector<part_id> frontier_;
  std::vector<std::int64_t> late_lines_;
  // A pool's numbers may be close together or far apart, and most of them those of deleted
  // versions, so each pool begins anew with few.
  static constexpr pace first_numbers{1000, 10'000, INT64_MAX / 4};
  pace versions_{10, 100, 1000};
  pace numbers_ = first_numbers;
  pace parts_{50, 200, 1000};
};

}  // namespace stash::memory
