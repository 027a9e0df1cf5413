// Pause points for tests (see pause_point.hpp).
#include "boundary/pause_point.hpp"

#include <cstring>

extern "C" {
#include "postgres.h"

#include "storage/lmgr.h"
#include "storage/lock.h"
}

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr uint32 advisory_class = 22437;

const char* name_of(pause_point point) {
  switch (point) {
    case pause_point::in_flux:
      return "in_flux";
    case pause_point::before_stamp:
      return "before_stamp";
    case pause_point::before_check:
      return "before_check";
    case pause_point::fill_before_put:
      return "fill_before_put";
    case pause_point::claimed:
      return "claimed";
    case pause_point::prepared:
      return "prepared";
    case pause_point::fetch_computing:
      return "fetch_computing";
    case pause_point::before_resolve:
      return "before_resolve";
    case pause_point::session_read:
      return "session_read";
    case pause_point::touch_flushed:
      return "touch_flushed";
    case pause_point::part_stored:
      return "part_stored";
    case pause_point::before_sweep:
      return "before_sweep";
    case pause_point::fork_read:
      return "fork_read";
    case pause_point::objects_listed:
      return "objects_listed";
    case pause_point::session_row:
      return "session_row";
  }
  return "";
}

bool listed(const char* name) {
  const std::size_t length = std::strlen(name);
  for (const char* at = settings::pause_at; (at = std::strstr(at, name)) != nullptr; at += length) {
    const bool begins = at == settings::pause_at || at[-1] == ',';
    const bool ends = at[length] == '\0' || at[length] == ',';
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

void pause_slow(pause_point point) {
  if (!listed(name_of(point))) return;
  // A session-level lock: at some points the transaction's own locks are already being released.
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, advisory_class, static_cast<uint32>(point), 2);
  (void)LockAcquire(&tag, ShareLock, true, false);
  LockRelease(&tag, ShareLock, true);
}

}  // namespace stash
