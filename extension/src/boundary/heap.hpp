// What the process's heap does between statements.
#pragma once

namespace stash {

// For functions with large arguments or results. A statement that returns some 30 kB needs several
// blocks of that size until it has sent them. At its end they go back to malloc, and once 128 kB
// are free at the end of the heap glibc returns them to the system, so that the next statement
// faults every page in again: a seventh of a cache_get_many of 100 keys. glibc raises that
// threshold by itself to twice the size of any larger block that was freed; here one is freed on
// purpose, once in a process. It may then keep 1 MB more than it uses. Where malloc is another one
// this does nothing.
void keep_heap_between_statements();

}  // namespace stash
