// Uses the installed package; needs no server.
#include <cstdio>

#include "stash/stash.hpp"

int main() {
  try {
    stash::client client({.conninfo = "host=/nowhere", .min_size = 1});
    return 1;
  } catch (const stash::connection_error& failed) {
    std::printf("as expected: %s\n", failed.what());
    return failed.connection_lost() ? 0 : 1;
  }
}
