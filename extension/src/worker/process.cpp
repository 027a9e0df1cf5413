// Signals, settings and sleeping of the background processes (see process.hpp).
#include "worker/process.hpp"

#include <algorithm>

#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
}

namespace stash::worker {
namespace {

// A setting may have been made later than its clock says; nothing sleeps longer than this.
constexpr long longest_sleep_ms = 60'000;

uint32 sleep_wait_event() {
  static uint32 event = 0;
  if (event == 0) event = compat::wait_event_new("StashWorkerMain");
  return event;
}

}  // namespace

void set_up_signals() {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
}

void pin_settings() {
  static const char* const pinned[][2] = {
      {"search_path", "pg_catalog, pg_temp"},
      {"default_transaction_read_only", "off"},
      {"default_transaction_isolation", "read committed"},
      {"statement_timeout", "0"},
      {"lock_timeout", "0"},
      {"idle_in_transaction_session_timeout", "0"},
      {"transaction_timeout", "0"},
  };
  for (const auto& [name, value] : pinned)
    // Not every version has every one of them.
    if (GetConfigOption(name, true, false) != nullptr)
      SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

bool asked_to_end() { return ProcDiePending; }

bool between_tasks() {
  QueryCancelPending = false;
  CHECK_FOR_INTERRUPTS();
  if (!ConfigReloadPending) return false;
  ConfigReloadPending = false;
  ProcessConfigFile(PGC_SIGHUP);
  return true;
}

unsigned sleep_until(TimestampTz until, int socket, unsigned events) {
  const long ms = std::clamp<long>(
      static_cast<long>(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until)), 0,
      longest_sleep_ms);
  int wanted = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
  if ((events & task_context::readable) != 0) wanted |= WL_SOCKET_READABLE;
  if ((events & task_context::writeable) != 0) wanted |= WL_SOCKET_WRITEABLE;
  const int happened = WaitLatchOrSocket(MyLatch, wanted, socket, ms, sleep_wait_event());
  if ((happened & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
  unsigned result = 0;
  if ((happened & WL_SOCKET_READABLE) != 0) result |= task_context::readable;
  if ((happened & WL_SOCKET_WRITEABLE) != 0) result |= task_context::writeable;
  return result;
}

int task_context::time_left_ms() const {
  const TimestampTz now = GetCurrentTimestamp();
  return now >= deadline_us_ ? 0 : static_cast<int>((deadline_us_ - now + 999) / 1000);
}

bool task_context::out_of_time() const {
  return ProcDiePending || GetCurrentTimestamp() >= deadline_us_;
}

unsigned task_context::wait(int socket, unsigned events, int timeout_ms) const {
  const TimestampTz until = GetCurrentTimestamp() + int64{timeout_ms} * 1000;
  const unsigned happened = sleep_until(std::min<TimestampTz>(until, deadline_us_), socket, events);
  CHECK_FOR_INTERRUPTS();
  return happened;
}

}  // namespace stash::worker
