// What a pool's figures suggest to change (see stash/pool_statistics.hpp).
#include "stash/pool_statistics.hpp"

namespace stash {

std::vector<std::string> recommendations(const pool_statistics& figures) {
  std::vector<std::string> found;
  const auto say = [&](const std::string& text) { found.push_back(text); };
  if (figures.timeouts > 0)
    say(std::to_string(figures.timeouts) +
        " callers gave up waiting: increase max_size, or hold connections for shorter");
  else if (figures.acquired >= 100 && figures.waited * 10 > figures.acquired)
    say("more than a tenth of the callers waited in line: increase max_size (now " +
        std::to_string(figures.max_size) + "), or hold connections for shorter");
  if (figures.acquired >= 1000 && figures.most_on_loan * 4 < figures.max_size)
    say("never more than " + std::to_string(figures.most_on_loan) + " of " +
        std::to_string(figures.max_size) + " connections were on loan: decrease max_size");
  if (figures.leaks_reported > 0)
    say("connections were held for long: see holders() and the warnings");
  if (figures.created >= 20 && figures.closed_idle * 2 > figures.created)
    say("most connections were closed for idleness and made again: increase min_size or "
        "idle_timeout");
  if (figures.closed_broken * 10 > figures.acquired && figures.closed_broken > 2)
    say("many connections broke or came back within a transaction: look at the network, at "
        "timeouts of the server, and at transactions that are not ended");
  if (figures.connect_failures > 0)
    say(std::to_string(figures.connect_failures) + " attempts to connect failed");
  return found;
}

}  // namespace stash
