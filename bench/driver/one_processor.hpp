// This thread and processes of servers on one processor, for as long as this lives. Where the
// scheduler puts client and server changes from second to second: side by side a request takes
// several times as long as in turns on one processor, most of it the waking of an idle one, and
// differences of some hundredths drown in it. On one processor nothing that either does is hidden
// behind the other.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace stash::bench {

class one_processor {
 public:
  // Throws std::runtime_error where it may not be done.
  explicit one_processor(std::vector<pid_t> servers);
  ~one_processor();
  one_processor(const one_processor&) = delete;
  one_processor& operator=(const one_processor&) = delete;

 private:
  std::vector<pid_t> all_;
  cpu_set_t before_;
};

}  // namespace stash::bench
