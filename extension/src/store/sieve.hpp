// SIEVE, the eviction policy: a queue in order of insertion, one bit an entry, and a hand.
//
// A hit sets the bit and moves nothing. The hand walks from the oldest entry to the newest, clears
// set bits and stops at the first clear one: the victim. Pure: it knows links, not memory; another
// policy with the same four functions (S3-FIFO, say) can take its place. The caller holds the lock
// of the queue exclusively for everything but on_hit.
//
// Links supplies: newer(id) and older(id), references to an id; visited(id), an atomic flag.
#pragma once

#include "store/types.hpp"

namespace stash {

struct sieve_queue {
  std::uint32_t newest;
  std::uint32_t oldest;
  std::uint32_t hand;
  std::uint32_t count;

  void clear() { *this = {none, none, none, 0}; }
};

template <typename Links>
class sieve {
 public:
  explicit sieve(Links links) : links_(links) {}

  void on_hit(std::uint32_t id) const {
    auto& visited = links_.visited(id);
    if (visited.load(std::memory_order_relaxed) == 0) visited.store(1, std::memory_order_relaxed);
  }

  void on_insert(sieve_queue& queue, std::uint32_t id) const {
    links_.visited(id).store(0, std::memory_order_relaxed);
    links_.newer(id) = none;
    links_.older(id) = queue.newest;
    if (queue.newest != none) links_.newer(queue.newest) = id;
    queue.newest = id;
    if (queue.oldest == none) queue.oldest = id;
    queue.count++;
  }

  void on_remove(sieve_queue& queue, std::uint32_t id) const {
    const std::uint32_t newer = links_.newer(id);
    const std::uint32_t older = links_.older(id);
    if (queue.hand == id) queue.hand = newer;
    (newer == none ? queue.newest : links_.older(newer)) = older;
    (older == none ? queue.oldest : links_.newer(older)) = newer;
    queue.count--;
  }

  // The entry to evict next, or none when the queue is empty. Clears at most every bit once.
  [[nodiscard]] std::uint32_t pick_victim(sieve_queue& queue) const {
    if (queue.oldest == none) return none;
    std::uint32_t at = queue.hand == none ? queue.oldest : queue.hand;
    while (links_.visited(at).load(std::memory_order_relaxed) != 0) {
      links_.visited(at).store(0, std::memory_order_relaxed);
      at = links_.newer(at);
      if (at == none) at = queue.oldest;
    }
    queue.hand = at;
    return at;
  }

 private:
  Links links_;
};

}  // namespace stash
