// One run: schema, threads, the last look, the sums.
#pragma once

#include "options.hpp"

namespace stress {

// True when every check passed.
bool run(const options& chosen);

}  // namespace stress
