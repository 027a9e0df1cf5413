// What the load loop knows of a connection to any of the servers: send one request, and later hear
// that its reply is complete. One request is under way at a time; a request may hold many
// operations (a pipeline, or many keys in one call).
//
// A connection belongs to one thread while a run lasts, and to nobody between runs.
#pragma once

#include <cstdint>

#include "payload.hpp"

namespace stash::bench {

// One key read or written is one operation. `rejected` counts reads that found nothing and writes
// that were not accepted: a benchmark in which they occur measures something else.
struct tally {
  std::uint64_t operations = 0;
  std::uint64_t rejected = 0;
};

class connection {
 public:
  virtual ~connection() = default;

  virtual int descriptor() const = 0;
  virtual void send(key_space& keys, random_source& random) = 0;
  // Called when the descriptor is readable; true when the reply of the request is complete.
  // Throws std::runtime_error on a server error.
  virtual bool receive(tally& counts) = 0;
};

}  // namespace stash::bench
