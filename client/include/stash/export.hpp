// What the shared library shows; everything else is hidden.
#pragma once

#if defined(_WIN32)
#define STASH_API
#define STASH_LOCAL
#else
#define STASH_API __attribute__((visibility("default")))
// Members of a shown class that only the library itself calls.
#define STASH_LOCAL __attribute__((visibility("hidden")))
#endif
