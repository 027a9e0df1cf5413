// Reading and checking the arguments of the memory_snapshot_* functions.
#pragma once

#include "session/statement.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

// 1 to 255 bytes; 22004 when NULL, 22023 when empty, 22001 when longer.
Datum label_argument(FunctionCallInfo fcinfo, int index, const char* name);
// Sorted, each once; NULL for none. Errors as above, 54000 for more than 64.
argument tags_argument(FunctionCallInfo fcinfo, int index);
// An object; NULL for an empty one. 22023 otherwise, 54000 when larger than 1 MB.
argument metadata_argument(FunctionCallInfo fcinfo, int index);
// double precision[] as real[]. 22023 unless it has 1 to 16384 finite numbers in one dimension.
argument embedding_argument(FunctionCallInfo fcinfo, int index);
// A note of at most 1024 bytes.
argument note_argument(FunctionCallInfo fcinfo, int index);

}  // namespace stash::memory
