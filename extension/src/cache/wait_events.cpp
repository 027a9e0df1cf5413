// See wait_events.hpp.
#include "cache/wait_events.hpp"

#include "boundary/postgres.hpp"

namespace stash {

std::uint32_t wait_event(wait_event_name name) {
  static uint32 known[3] = {0, 0, 0};
  static const char* const names[3] = {"StashFetch", "StashWorkerMain", "StashLauncherMain"};
  uint32& event = known[static_cast<int>(name)];
  if (event == 0) event = compat::wait_event_new(names[static_cast<int>(name)]);
  return event;
}

}  // namespace stash
