// Writing touches down: in the worker, in batches, into the narrow touch table.
#pragma once

#include "worker/tasks.hpp"

namespace stash {

// One round over the database's dirty touches, a transaction a batch. True when it ran out of time.
bool flush_touches(worker::task_context& context);
// All of them, before the worker ends.
void flush_last_touches();

}  // namespace stash
