// The two generations of the sessions' tables, and the ring of the history: what keeps them small.
#pragma once

#include "worker/tasks.hpp"

namespace stash {

// One step: chooses the generation of new sessions, moves the living out of the other, truncates
// it. True when there is more to move.
bool tend_generations(worker::task_context& context);
// Truncates the slots of the history whose rows are all older than the retention.
void drop_old_history();

}  // namespace stash
