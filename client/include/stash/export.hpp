// What the shared library shows; everything else is hidden.
#pragma once

#if defined(_WIN32)
#define STASH_API
#else
#define STASH_API __attribute__((visibility("default")))
#endif
