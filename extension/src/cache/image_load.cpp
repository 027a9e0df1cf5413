// Loading a saved cache in the launcher (see image.hpp).
#include <vector>

#include "cache/image.hpp"
#include "cache/image_file.hpp"
#include "cache/image_format.hpp"
#include "cache/namespaces.hpp"
#include "cache/shared_store.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace stash {
namespace {

// Whether the parts of a record are within the limits that the store relies on.
bool plausible(const image_record& record, std::size_t longest) {
  return record.name_size > 0 && record.name_size <= max_space_name && record.key_size > 0 &&
         record.key_size <= max_key_size && record.tags_size <= max_tags * (max_tag_size + 1) &&
         record.kind >= value_kind::jsonb && record.kind <= value_kind::counter &&
         record_bytes(record) <= longest;
}

struct tags_of_record {
  tag_id ids[max_links];
  std::size_t count = 0;
  bool good = true;

  void add(const tag_id& id) {
    for (std::size_t i = 0; i < count; i++)
      if (ids[i] == id) return;
    if (count == max_links)
      good = false;
    else
      ids[count++] = id;
  }
};

void load_entry(const image_record& record, const char* bytes, timestamp now) {
  if (record.expires_at <= now) return;
  store& owner = shared_store();
  const int slot = slot_of(record.database, {bytes, record.name_size});
  if (slot < 0) return;
  fill what;
  const char* key = bytes + record.name_size;
  what.key = owner.key(static_cast<space_index>(slot), {key, record.key_size});
  what.tags = {key + record.key_size, record.tags_size};
  what.value = {key + record.key_size + record.tags_size, record.value_size};
  tags_of_record tags;
  each_tag(what.tags, [&](std::string_view tag) {
    tags.add(owner.tag(what.key.space, tag));
    const std::string whole = class_of(tag);
    if (!whole.empty()) tags.add(owner.tag(what.key.space, whole));
  });
  if (!tags.good) return;
  what.tag_ids = {tags.ids, tags.count};
  what.kind = record.kind;
  // Just behind the boot stamp: whatever changed since the start refuses it.
  what.read_at = owner.header().boot + 1;
  what.expires_at = record.expires_at;
  what.version = record.version;
  what.stale_seconds = record.stale_seconds;
  // What somebody stored since the start is newer.
  if (owner.put(what, now, 0, {}, no_version) == refusal::none) saved_image()->loaded.fetch_add(1);
}

// False when the file ends or lies before its end record.
bool load_records(FILE* file, std::size_t longest) {
  auto* bytes = static_cast<char*>(palloc(longest));
  image_header header;
  if (fread(&header, sizeof header, 1, file) != 1) return false;
  for (std::uint64_t count = 0;; count++) {
    if (count % 1024 == 0) CHECK_FOR_INTERRUPTS();
    image_record record;
    if (fread(&record, sizeof record, 1, file) != 1) return false;
    if (static_cast<int>(record.kind) == 0)
      return record.checksum == record_checksum(record, "", 0);
    if (!plausible(record, longest)) return false;
    const std::size_t size = record_bytes(record);
    if (fread(bytes, 1, size, file) != size ||
        record.checksum != record_checksum(record, bytes, size))
      return false;
    load_entry(record, bytes, GetCurrentTimestamp());
  }
}

}  // namespace

void load_saved_cache() {
  image_state* state = saved_image();
  if (state == nullptr || state->pending.exchange(0) == 0) return;
  FILE* file = AllocateFile(image_loading, PG_BINARY_R);
  if (file == nullptr) {
    ereport(LOG,
            (errcode_for_file_access(), errmsg("pg_stash could not open the saved cache: %m")));
    return;
  }
  // From here on nobody can find it a second time.
  if (durable_unlink(image_loading, LOG) != 0) {
    FreeFile(file);
    return;
  }
  const geometry& shape = shared_store().shape();
  const bool whole =
      load_records(file, static_cast<std::size_t>(shape.blocks_per_partition) * block_size);
  FreeFile(file);
  const auto loaded = static_cast<unsigned long long>(state->loaded.load());
  if (whole)
    ereport(LOG, (errmsg("pg_stash loaded %llu entries of the saved cache", loaded)));
  else
    ereport(LOG, (errmsg("pg_stash found the saved cache damaged and stopped after %llu entries",
                         loaded)));
}

}  // namespace stash
