// Blocks every signal in the calling thread while it lives.
//
// libcurl's resolver starts threads. They inherit the mask, so a signal that is meant for the
// process goes to its main thread, the only one that may run a handler. A SIGPIPE that a write to a
// closed TLS connection caused meanwhile is taken away again: with CURLOPT_NOSIGNAL nobody else
// does.
#pragma once

#include <csignal>
#include <ctime>

namespace stash::http {

class signals_blocked {
 public:
  signals_blocked() {
    sigset_t pending;
    sigpending(&pending);
    pipe_was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() {
    if (!pipe_was_pending_) {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      const timespec at_once{};
      while (sigtimedwait(&pipe, nullptr, &at_once) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
  bool pipe_was_pending_ = false;
};

}  // namespace stash::http
