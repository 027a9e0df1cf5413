// See heap.hpp.
#include "boundary/heap.hpp"

#include "boundary/postgres.hpp"

namespace stash {

void keep_heap_between_statements() {
  constexpr Size block = 512 << 10;
  static bool done = false;
  if (done) return;
  done = true;
  pfree(palloc(block));
}

}  // namespace stash
