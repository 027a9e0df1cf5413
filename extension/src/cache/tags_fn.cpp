// SQL entry points over tags: cache_invalidate_tags, cache_get_by_tags.
#include <algorithm>
#include <vector>

#include "boundary/guard.hpp"
#include "boundary/settings.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Keys of a tag in one buffer, as [size][key]. The buffer grows until all (or max_rows) fit.
struct key_buffer {
  char* data = nullptr;
  std::size_t capacity = 0;
  std::size_t used = 0;
};

void collect_keys(const tag_id& id, std::span<const tag_id> others, std::uint32_t max_keys,
                  key_buffer* keys) {
  if (keys->data == nullptr) {
    keys->capacity = 65536;
    keys->data = static_cast<char*>(palloc(keys->capacity));
  }
  while (
      !shared_store().tagged_keys(id, others, max_keys, keys->data, keys->capacity, &keys->used)) {
    CHECK_FOR_INTERRUPTS();
    pfree(keys->data);
    keys->capacity *= 4;
    keys->data = static_cast<char*>(MemoryContextAllocHuge(CurrentMemoryContext, keys->capacity));
  }
}

template <typename Visit>
void each_key(const key_buffer& keys, Visit visit) {
  for (std::size_t at = 0; at < keys.used;) {
    std::uint16_t size = 0;
    std::memcpy(&size, keys.data + at, sizeof size);
    visit(std::string_view(keys.data + at + sizeof size, size));
    at += sizeof size + size;
  }
}

using name_set = std::unordered_set<std::string>;

// How many entries carry at least one of the tags. Exact while the smaller tags have few entries;
// else an entry that carries several of them counts for each.
std::int64_t count_tagged(std::span<const tag_id> ids) {
  const store& owner = shared_store();
  std::int64_t total = 0;
  for (const tag_id& id : ids) total += owner.tag_count(id);
  if (ids.size() < 2 || total == 0) return total;
  constexpr std::int64_t few = 10000;
  const auto largest = std::max_element(
      ids.begin(), ids.end(),
      [&](const tag_id& a, const tag_id& b) { return owner.tag_count(a) < owner.tag_count(b); });
  const std::int64_t most = owner.tag_count(*largest);
  if (total - most > few) return total;
  // Those of the largest, and of the others those that the largest does not have.
  static name_set* of_others = new name_set;
  static name_set* of_both = new name_set;
  of_others->clear();
  of_both->clear();
  key_buffer keys;
  const tag_id shared[1] = {*largest};
  for (const tag_id& id : ids) {
    if (id == *largest) continue;
    collect_keys(id, {}, UINT32_MAX, &keys);
    each_key(keys, [&](std::string_view key) { of_others->emplace(key); });
    collect_keys(id, shared, UINT32_MAX, &keys);
    each_key(keys, [&](std::string_view key) { of_both->emplace(key); });
  }
  return most + static_cast<std::int64_t>(of_others->size() - of_both->size());
}

void sort_unique(std::vector<tag_id>& ids) {
  const auto less = [](const tag_id& a, const tag_id& b) {
    return a.low != b.low ? a.low < b.low : a.high < b.high;
  };
  std::sort(ids.begin(), ids.end(), less);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

// cache_invalidate_tags(tags, namespace)
STASH_FUNCTION(cache_invalidate_tags) {
  const space_index space = namespace_argument(fcinfo, 1);
  const text_list tags = text_array_argument(fcinfo, 0, "tags");
  for (int i = 0; i < tags.count; i++) check_tag(tags.items[i]);
  static std::vector<tag_id>* ids = new std::vector<tag_id>;
  ids->clear();
  for (int i = 0; i < tags.count; i++) ids->push_back(shared_store().tag(space, tags.items[i]));
  sort_unique(*ids);
  const std::int64_t count = count_tagged(*ids);
  for (int i = 0; i < tags.count; i++) invalidate_tag_text(space, tags.items[i]);
  PG_RETURN_INT64(count);
}

// cache_get_by_tags(tags, match_all, max_rows, namespace) → key, value
STASH_FUNCTION(cache_get_by_tags) {
  const space_index space = namespace_argument(fcinfo, 3);
  const text_list tags = text_array_argument(fcinfo, 0, "tags");
  for (int i = 0; i < tags.count; i++) check_tag(tags.items[i]);
  const bool match_all = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
  const auto max_rows = static_cast<std::uint32_t>(count_argument(fcinfo, 2, "max_rows", 1000));
  row_set rows(fcinfo);
  if (tags.count == 0 || max_rows == 0) return 0;

  store& owner = shared_store();
  static std::vector<tag_id>* ids = new std::vector<tag_id>;
  ids->clear();
  for (int i = 0; i < tags.count; i++) ids->push_back(owner.tag(space, tags.items[i]));
  sort_unique(*ids);
  // Begin with the rarest tag.
  std::sort(ids->begin(), ids->end(), [&](const tag_id& a, const tag_id& b) {
    return owner.tag_count(a) < owner.tag_count(b);
  });

  static name_set* seen = new name_set;
  seen->clear();
  std::uint32_t given = 0;
  const auto give = [&](std::string_view text) {
    // What is kept for single roles is found through its key.
    text = text.substr(0, text.find('\0'));
    if (given >= max_rows || !seen->emplace(text).second) return;
    const cached_value value = read_cached(owner.key(space, text));
    if (!value.found) return;
    Datum columns[2];
    bool nulls[2] = {false, value.info.kind == value_kind::bytes};
    columns[0] =
        PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
    columns[1] = nulls[1] ? 0 : jsonb_of(value);
    rows.add(columns, nulls);
    given++;
  };

  // This transaction's own sets first: the store does not know them yet.
  const auto carries = [&](const pending& op) {
    const fill what = current_log().fill_of(op, owner);
    const auto has = [&](const tag_id& id) {
      return std::find(what.tag_ids.begin(), what.tag_ids.end(), id) != what.tag_ids.end();
    };
    return match_all ? std::all_of(ids->begin(), ids->end(), has)
                     : std::any_of(ids->begin(), ids->end(), has);
  };
  current_log().each_own_set([&](const pending& op) {
    const std::string_view text = current_log().key_text(op);
    const pending* latest = nullptr;
    if (op.space != space ||
        current_log().look({space, text, op.hash}, &latest) != transaction_log::sight::own ||
        latest != &op)
      return;
    if (carries(op))
      give(text);
    else
      seen->emplace(text);
  });

  key_buffer keys;
  std::span<const tag_id> others;
  if (match_all) others = std::span<const tag_id>(*ids).subspan(1);
  const std::size_t lists = match_all ? 1 : ids->size();
  for (std::size_t i = 0; i < lists && given < max_rows; i++) {
    // Entries that expired are still listed: ask for more while some that came were no hits.
    std::uint32_t listed = 0;
    for (std::uint64_t asked = max_rows + 16UL;; asked *= 4) {
      CHECK_FOR_INTERRUPTS();
      listed = 0;
      collect_keys((*ids)[i], others, static_cast<std::uint32_t>(Min(asked, UINT32_MAX)), &keys);
      each_key(keys, [&](std::string_view text) {
        listed++;
        give(text);
      });
      if (given >= max_rows || listed < asked) break;
    }
  }
  return 0;
}

}  // namespace stash
