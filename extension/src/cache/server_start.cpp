// See server_start.hpp.
#include "cache/server_start.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boundary/postgres.hpp"

extern "C" {
#include "access/xlog_internal.h"
#include "catalog/pg_control.h"
#include "port/pg_crc32c.h"
}

namespace stash {
namespace {

bool exists(const char* path) {
  struct stat found;
  return stat(path, &found) == 0;
}

}  // namespace

bool read_clean_control(ControlFileData* control) {
  const int file = open(XLOG_CONTROL_FILE, O_RDONLY | PG_BINARY);
  if (file < 0) return false;
  const ssize_t got = read(file, control, sizeof *control);
  close(file);
  if (got != static_cast<ssize_t>(sizeof *control)) return false;
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, control, offsetof(ControlFileData, crc));
  FIN_CRC32C(crc);
  return EQ_CRC32C(crc, control->crc) && control->state == DB_SHUTDOWNED;
}

bool about_to_recover() {
  return exists(RECOVERY_SIGNAL_FILE) || exists(STANDBY_SIGNAL_FILE) || exists(BACKUP_LABEL_FILE);
}

// The shutdown checkpoint writes each of them to a file.
bool left_prepared_transactions() {
  DIR* folder = opendir("pg_twophase");
  if (folder == nullptr) return true;
  bool found = false;
  while (const dirent* entry = readdir(folder)) found = found || entry->d_name[0] != '.';
  closedir(folder);
  return found;
}

}  // namespace stash
