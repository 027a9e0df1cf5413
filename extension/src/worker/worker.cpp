// Puts the parts of the background work in place (see worker.hpp).
#include "worker/worker.hpp"

#include "worker/ddl.hpp"
#include "worker/launcher.hpp"
#include "worker/shared_state.hpp"

#include "boundary/postgres.hpp"

namespace stash::worker {

void install() {
  register_shared_state();
  watch_ddl();
  // pg_upgrade wants a server that does nothing by itself.
  if (!IsBinaryUpgrade) register_launcher();
}

}  // namespace stash::worker
