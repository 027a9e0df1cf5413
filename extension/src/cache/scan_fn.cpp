// SQL entry points over many keys: cache_keys, cache_delete_prefix, cache_clear.
#include <charconv>

#include "boundary/guard.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"
#include "store/glob.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// A cursor is "bucket:key": everything in earlier buckets, and in this bucket up to this key in
// byte order, has been returned. Buckets never move, so every key that is there throughout comes
// once.
struct scan_position {
  std::uint64_t bucket = 0;
  std::string_view after;
  bool own_done = false;
};

scan_position parse_cursor(std::string_view text) {
  scan_position position;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), position.bucket);
  if (parsed.ec != std::errc() || parsed.ptr == text.data() + text.size() || *parsed.ptr != ':')
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("malformed cursor"),
                    errhint("Pass the cursor of the last row, or NULL to begin.")));
  position.after = text.substr(static_cast<std::size_t>(parsed.ptr + 1 - text.data()));
  position.own_done = true;
  return position;
}

struct found_key {
  std::uint64_t bucket;
  std::string_view text;
};

class key_scan {
 public:
  key_scan(FunctionCallInfo fcinfo, space_index space, std::string_view pattern, bool any,
           std::int64_t max_rows)
      : rows_(fcinfo), space_(space), pattern_(pattern), any_(any), left_(max_rows) {}

  [[nodiscard]] bool full() const { return left_ <= 0; }

  void emit(std::uint64_t bucket, std::string_view key) {
    if (full() || (!any_ && !glob_matches(pattern_, key))) return;
    char number[24];
    const auto size = static_cast<std::size_t>(
        snprintf(number, sizeof number, "%llu:", static_cast<unsigned long long>(bucket)));
    auto* cursor = static_cast<char*>(palloc(size + key.size()));
    std::memcpy(cursor, number, size);
    std::memcpy(cursor + size, key.data(), key.size());
    Datum columns[2] = {
        PointerGetDatum(cstring_to_text_with_len(key.data(), static_cast<int>(key.size()))),
        PointerGetDatum(cstring_to_text_with_len(cursor, static_cast<int>(size + key.size())))};
    bool nulls[2] = {false, false};
    rows_.add(columns, nulls);
    pfree(cursor);
    left_--;
  }

  // The transaction's own sets that the store does not have yet.
  void emit_own() {
    const transaction_log& log = current_log();
    log.each_own_set([&](const pending& op) {
      const std::string_view text = log.key_text(op);
      const pending* latest = nullptr;
      if (op.space != space_ ||
          log.look({space_, text, op.hash}, &latest) != transaction_log::sight::own ||
          latest != &op ||
          shared_store().peek({space_, text, op.hash}, latest_reader()).state == read_state::hit)
        return;
      emit(0, text);
    });
  }

  void emit_store(scan_position from) {
    const store& owner = shared_store();
    constexpr std::uint32_t buckets_at_once = 1024;
    std::size_t capacity = 65536;
    auto* buffer = static_cast<char*>(palloc(capacity));
    while (!full() && from.bucket < owner.bucket_total()) {
      CHECK_FOR_INTERRUPTS();
      // One bucket alone where the last scan ended within it.
      const std::uint32_t count = from.after.empty() ? buckets_at_once : 1;
      const auto scan =
          owner.scan_keys(space_, GetCurrentTimestamp(), from.bucket, count, buffer, capacity);
      if (scan.needed > 0) {
        pfree(buffer);
        capacity = scan.needed;
        buffer = static_cast<char*>(palloc(capacity));
        continue;
      }
      emit_buckets(buffer, scan.used, from);
      from.bucket = scan.next_bucket;
      from.after = {};
    }
  }

 private:
  void emit_buckets(const char* buffer, std::size_t used, const scan_position& from) {
    std::size_t count = 0;
    auto* keys = static_cast<found_key*>(palloc(sizeof(found_key) * (used / 3 + 1)));
    for (std::size_t at = 0; at < used;) {
      std::uint16_t size = 0;
      std::memcpy(&size, buffer + at, sizeof size);
      const std::string_view text(buffer + at + sizeof size, size);
      keys[count++] = {shared_store().bucket_number(shared_store().key(space_, base_of(text))),
                       text};
      at += sizeof size + size;
    }
    std::sort(keys, keys + count, [](const found_key& a, const found_key& b) {
      return a.bucket != b.bucket ? a.bucket < b.bucket : a.text < b.text;
    });
    for (std::size_t i = 0; i < count; i++) {
      if (base_of(keys[i].text).size() != keys[i].text.size()) {
        emit_role_key(keys[i], from);
        continue;
      }
      if (keys[i].bucket == from.bucket && keys[i].text <= from.after) continue;
      if (gone(keys[i].text)) continue;
      emit(keys[i].bucket, keys[i].text);
    }
    pfree(keys);
  }

  // What is kept for single roles shows as its key, to the role that has one.
  void emit_role_key(const found_key& key, const scan_position& from) {
    const std::string_view base = base_of(key.text);
    if (key.bucket == from.bucket && base <= from.after) return;
    const Oid role = GetUserId();
    if (std::memcmp(key.text.data() + base.size() + 1, &role, sizeof role) != 0 || gone(base))
      return;
    emit(key.bucket, base);
  }

  [[nodiscard]] static std::string_view base_of(std::string_view text) {
    return text.substr(0, text.find('\0'));
  }

  [[nodiscard]] bool gone(std::string_view text) const {
    return !current_log().empty() && is_killed_by_own(shared_store().key(space_, text));
  }

  row_set rows_;
  space_index space_;
  std::string_view pattern_;
  bool any_;
  std::int64_t left_;
};

}  // namespace

// cache_keys(pattern, cursor, max_rows, namespace) → key, cursor
STASH_FUNCTION(cache_keys) {
  const space_index space = namespace_argument(fcinfo, 3);
  const bool any = PG_ARGISNULL(0);
  const std::string_view pattern = any ? std::string_view() : text_argument(fcinfo, 0, "pattern");
  scan_position from;
  if (!PG_ARGISNULL(1)) from = parse_cursor(text_argument(fcinfo, 1, "cursor"));
  key_scan scan(fcinfo, space, pattern, any, count_argument(fcinfo, 2, "max_rows", 1000));
  if (!from.own_done && !current_log().empty()) scan.emit_own();
  scan.emit_store(from);
  return 0;
}

// cache_delete_prefix(prefix, namespace)
STASH_FUNCTION(cache_delete_prefix) {
  const space_index space = namespace_argument(fcinfo, 1);
  const std::string_view prefix = text_argument(fcinfo, 0, "prefix");
  if (prefix.empty())
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("prefix must not be empty"),
                    errhint("Empty a namespace with stash.cache_clear.")));
  const std::uint64_t count = shared_store().count_prefix(space, prefix, GetCurrentTimestamp());
  current_log().add_prefix(space, prefix, current_subtransaction(), invalidation_visible_from());
  PG_RETURN_INT64(static_cast<std::int64_t>(count));
}

// cache_clear(namespace)
STASH_FUNCTION(cache_clear) {
  const space_index space = namespace_argument(fcinfo, 0);
  const std::int64_t count = shared_store().space_at(space).entries.load();
  invalidate_space(space);
  PG_RETURN_INT64(count);
}

}  // namespace stash
