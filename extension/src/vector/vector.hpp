// What the library's entry does for vectors.
#pragma once

namespace stash {

// Whether the library is preloaded or not.
void install_vector_callbacks();
// While preloading: the part of shared memory, the worker's task, the hooks.
void register_vectors();

}  // namespace stash
