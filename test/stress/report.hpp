// The table of what was done, the failures, and the verdict.
#pragma once

#include "options.hpp"
#include "tally.hpp"

namespace stress {

// Prints everything. True when every check passed; in mode redis always, unless asked otherwise.
bool report(const options& chosen, const tally& counts, const failure_log& failures,
            int64_t excused, double seconds);

}  // namespace stress
