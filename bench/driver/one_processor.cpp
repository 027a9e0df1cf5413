// See one_processor.hpp.
#include "one_processor.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

namespace stash::bench {

one_processor::one_processor(std::vector<pid_t> servers) : all_(std::move(servers)) {
  constexpr pid_t this_thread = 0;
  all_.push_back(this_thread);
  if (sched_getaffinity(this_thread, sizeof before_, &before_) != 0)
    throw std::runtime_error(std::string("sched_getaffinity: ") + std::strerror(errno));
  cpu_set_t last;
  CPU_ZERO(&last);
  // Not the first one: more interrupts come there.
  for (int i = CPU_SETSIZE - 1; CPU_COUNT(&last) == 0; i--)
    if (CPU_ISSET(i, &before_)) CPU_SET(i, &last);
  for (const pid_t each : all_)
    if (sched_setaffinity(each, sizeof last, &last) != 0)
      throw std::runtime_error(std::string("sched_setaffinity: ") + std::strerror(errno));
}

one_processor::~one_processor() {
  for (const pid_t each : all_) (void)sched_setaffinity(each, sizeof before_, &before_);
}

}  // namespace stash::bench
