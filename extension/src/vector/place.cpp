// See place.hpp. Results are palloc'd.
#include "vector/place.hpp"

#include <sys/stat.h>

#include "boundary/postgres.hpp"

namespace stash {

const char* this_system() {
  const Oid table = get_relname_relid("weaviate", get_namespace_oid("stash", false));
  return psprintf(UINT64_FORMAT "/%u/%u", GetSystemIdentifier(), MyDatabaseId, table);
}

const char* this_place() {
  struct stat about = {};
  if (stat(DataDir, &about) != 0) about.st_ino = 0;
  const TimeLineID timeline = RecoveryInProgress() ? 0 : GetWALInsertionTimeLine();
  return psprintf("timeline %u, inode %llu of %s", timeline,
                  static_cast<unsigned long long>(about.st_ino), DataDir);
}

}  // namespace stash
