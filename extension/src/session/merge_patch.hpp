// JSON merge patch (RFC 7396) on jsonb: objects merge, null removes a key, anything else replaces.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

// palloc'd. Depth is bounded by jsonb's own stack check.
Jsonb* merge_patch(Jsonb* target, Jsonb* patch);

}  // namespace stash
