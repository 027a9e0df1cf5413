// Saving the cache at a clean shutdown, and judging a saved one at start (see image.hpp).
#include "cache/image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boundary/settings.hpp"
#include "boundary/shared_memory.hpp"
#include "cache/image_file.hpp"
#include "cache/image_format.hpp"
#include "cache/namespaces.hpp"
#include "cache/server_start.hpp"
#include "cache/shared_store.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_control.h"
#include "storage/fd.h"
}

namespace stash {
namespace {

image_state* state = nullptr;

image_header header_for(const ControlFileData& control) {
  image_header header;
  std::memset(&header, 0, sizeof header);
  std::memcpy(header.magic, image_magic, sizeof header.magic);
  header.system_identifier = control.system_identifier;
  header.checkpoint = control.checkPoint;
  header.checkpoint_digest = checksum(&control.checkPointCopy, sizeof control.checkPointCopy);
  header.checksum = header_checksum(header);
  return header;
}

// A file that only ever sees write(2); the first failure makes all the rest do nothing.
class plain_writer {
 public:
  explicit plain_writer(const char* path)
      : file_(open(path, O_CREAT | O_TRUNC | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR)),
        good_(file_ >= 0) {}
  void write(const void* data, std::size_t size) {
    const auto* from = static_cast<const char*>(data);
    while (good_ && size > 0) {
      if (used_ == sizeof buffer_) flush();
      const std::size_t part = Min(size, sizeof buffer_ - used_);
      std::memcpy(buffer_ + used_, from, part);
      used_ += part;
      from += part;
      size -= part;
    }
  }
  bool finish() {
    flush();
    good_ = good_ && fsync(file_) == 0;
    if (file_ >= 0) close(file_);
    return good_;
  }

 private:
  void flush() {
    for (std::size_t done = 0; good_ && done < used_;) {
      const ssize_t wrote = ::write(file_, buffer_ + done, used_ - done);
      if (wrote <= 0)
        good_ = false;
      else
        done += static_cast<std::size_t>(wrote);
    }
    used_ = 0;
  }
  int file_;
  bool good_;
  std::size_t used_ = 0;
  static char buffer_[1 << 16];
};
char plain_writer::buffer_[1 << 16];

// The bytes of one record are gathered here for their checksum; larger ones are left out.
char* scratch = nullptr;
std::size_t scratch_size = 0;

void save_entry(const store& owner, const entry& e, timestamp now, plain_writer* file) {
  const space& home = owner.space_at(e.space);
  // Sessions are durable in their table; what it says now is read from there.
  if (is_reserved_namespace(home.name)) return;
  if (home.used.load() == 0 || e.expires_at.load() <= now || owner.is_dead(e, now)) return;
  // What holds for single roles, or was stored in recovery, is computed anew.
  if (e.kind == value_kind::role_marker || (e.flags & stored_in_recovery) != 0) return;
  image_record record;
  std::memset(&record, 0, sizeof record);
  record.database = home.database;
  record.value_size = e.value_size;
  record.version = e.version;
  record.expires_at = e.expires_at.load();
  record.key_size = e.key_size;
  record.tags_size = e.tags_size;
  record.stale_seconds = e.stale_seconds;
  record.name_size = static_cast<std::uint8_t>(strlen(home.name));
  record.kind = e.kind;
  const std::size_t size = record_bytes(record);
  if (size > scratch_size) return;
  std::memcpy(scratch, home.name, record.name_size);
  owner.copy_payload(e, 0, scratch + record.name_size, size - record.name_size);
  if (std::memchr(scratch + record.name_size, '\0', record.key_size) != nullptr) return;
  record.checksum = record_checksum(record, scratch, size);
  file->write(&record, sizeof record);
  file->write(scratch, size);
}

void save_at_exit(int code, Datum) {
  ControlFileData control;
  if (code != 0 || !settings::save_at_shutdown || scratch == nullptr ||
      !read_clean_control(&control))
    return;
  const store& owner = shared_store();
  plain_writer file(image_temporary);
  const image_header header = header_for(control);
  file.write(&header, sizeof header);
  const timestamp now = GetCurrentTimestamp();
  owner.each_entry_unlocked([&](const entry& e) { save_entry(owner, e, now, &file); });
  image_record end;
  std::memset(&end, 0, sizeof end);
  end.checksum = record_checksum(end, "", 0);
  file.write(&end, sizeof end);
  if (!file.finish() || rename(image_temporary, image_saved) != 0) {
    unlink(image_temporary);
    return;
  }
  const int folder = open(PG_STAT_TMP_DIR, O_RDONLY);
  if (folder >= 0) {
    (void)fsync(folder);
    close(folder);
  }
}

bool exists(const char* path) {
  struct stat found;
  return stat(path, &found) == 0;
}

// Why a saved cache must not be used, or nullptr.
const char* objection() {
  ControlFileData control;
  if (about_to_recover()) return "the server is about to recover";
  if (!read_clean_control(&control)) return "the server was not shut down cleanly";
  const int file = open(image_saved, O_RDONLY | PG_BINARY);
  if (file < 0) return "it cannot be read";
  image_header found;
  const bool whole = read(file, &found, sizeof found) == static_cast<ssize_t>(sizeof found);
  close(file);
  if (!whole || std::memcmp(found.magic, image_magic, sizeof found.magic) != 0 ||
      found.checksum != header_checksum(found))
    return "it is damaged or of another version";
  const image_header expected = header_for(control);
  if (std::memcmp(&found, &expected, sizeof found) != 0)
    return "it does not belong to the last shutdown";
  return nullptr;
}

void judge_saved_cache() {
  // What a start that was broken off left behind is used by nobody.
  if (exists(image_loading)) (void)durable_unlink(image_loading, LOG);
  if (exists(image_temporary)) (void)durable_unlink(image_temporary, LOG);
  if (!exists(image_saved)) return;
  const char* why = settings::save_at_shutdown ? objection() : "stash.save_at_shutdown is off";
  if (why != nullptr) {
    ereport(LOG, (errmsg("pg_stash does not use the saved cache: %s", why)));
    (void)durable_unlink(image_saved, LOG);
    return;
  }
  if (durable_rename(image_saved, image_loading, LOG) == 0) state->pending.store(1);
}

std::size_t state_size() { return sizeof(image_state); }
void initialize_state(void* memory) { new (memory) image_state{}; }
void attach_state(void* memory) {
  state = static_cast<image_state*>(memory);
  if (IsUnderPostmaster) return;
  judge_saved_cache();
  // Memory for the exit callback is had now. A crash restart clears the list of callbacks.
  if (scratch == nullptr) {
    scratch_size = (static_cast<std::size_t>(settings::max_value_kb) << 10) + 65536;
    scratch = static_cast<char*>(malloc(scratch_size));
  }
  on_shmem_exit(save_at_exit, 0);
}

}  // namespace

image_state* saved_image() { return state; }

void register_image() {
  register_shared_part({"saved cache", state_size, initialize_state, attach_state});
}

}  // namespace stash
