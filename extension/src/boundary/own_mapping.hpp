// A shared mapping of our own, beside PostgreSQL's segment, that huge pages can back.
//
// A look-up touches a handful of places at random in the store. With pages of 4 kB each of them
// misses the TLB, and every backend has page tables of its own to walk. With huge_pages = on all
// shared memory is made of reserved huge pages and nothing is needed here; with off nobody wants
// them. With try, the default, few servers have reserved any: then the store gets a mapping of its
// own, which reserved pages back if enough are free, else pages that the kernel puts together
// (MADV_COLLAPSE, Linux 6.1): for that the mapping begins at a multiple of their size, as
// PostgreSQL's segment does not.
//
// Made in the postmaster and inherited by every process at the same address. Its memory is
// accounted like that of PostgreSQL's segment.
#pragma once

#include <cstddef>

namespace stash {

// Whether the store is to have one: known before shared memory is asked for.
bool own_mapping_wanted();

// Zeroed memory, in the postmaster; after a crash what it returned before, zeroed. FATAL when there
// is none.
void* make_own_mapping(std::size_t size);

// Has the kernel put huge pages under the next part of the mapping: some milliseconds of work.
// False when nothing is left to do, or the kernel will not. For one process only, the launcher.
bool back_with_huge_pages();

}  // namespace stash
