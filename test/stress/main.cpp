// stash-stress: many connections fill and invalidate the cache in every way there is, and no read
// may ever be older than a commit that was acknowledged before it was sent. Exit 0 when every check
// passed, 1 when one failed or something was never exercised, 2 when it could not run.
#include <cstdio>

#include "connection.hpp"
#include "options.hpp"
#include "run.hpp"

int main(int argc, char** argv) {
  const stress::options chosen = stress::parse_options(argc, argv);
  try {
    return stress::run(chosen) ? 0 : 1;
  } catch (const stress::sql_error& error) {
    std::fprintf(stderr, "stash-stress: %s\n", error.what());
    return 2;
  }
}
