// See vector.hpp.
#include "vector/vector.hpp"

#include "vector/outbox.hpp"
#include "vector/shared.hpp"
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

namespace stash {

void install_configuration_callback();
void install_vector_hooks();
void register_forwarder();

void install_vector_callbacks() {
  install_outbox_callback();
  install_configuration_callback();
}

void register_vectors() {
  register_vector_shared();
  register_forwarder();
  install_vector_hooks();
  worker::register_extension_table("vector_sync");
  worker::register_extension_table("vector_outbox_0");
  worker::register_extension_table("vector_outbox_1");
  worker::register_extension_table("vector_outbox_2");
  worker::register_extension_table("vector_failure");
  worker::register_database_gone(forget_vector_database);
}

}  // namespace stash
