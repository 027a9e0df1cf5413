// The sessions' background tasks: writing touches down, reaping, moving generations, history.
#pragma once

namespace stash {

void register_session_tasks();

}  // namespace stash
