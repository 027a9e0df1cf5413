// See token.hpp.
#include "session/token.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "common/cryptohash.h"
#include "common/sha2.h"
}

namespace stash {
namespace {

// From 2000-01-01, where PostgreSQL's time begins, back to 1970-01-01.
constexpr timestamp unix_epoch_offset =
    std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY * microseconds_per_second;

void fill_random(void* bytes, std::size_t size) {
  if (!pg_strong_random(bytes, size))
    ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR),
                    errmsg("the server has no strong random numbers at the moment")));
}

// RFC 4648, section 5. 32 bytes become 43 characters; the last carries four bits.
void write_base64url(const std::uint8_t* bytes, char* text) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint32_t pending = 0;
  int bits = 0;
  for (int i = 0; i < 32; i++) {
    pending = (pending << 8) | bytes[i];
    for (bits += 8; bits >= 6; bits -= 6) *text++ = digits[(pending >> (bits - 6)) & 63];
  }
  *text++ = digits[(pending << (6 - bits)) & 63];
  *text = '\0';
}

}  // namespace

namespace {

// One context for the backend's life: with OpenSSL, making one costs several times what hashing a
// token does. An owner of its own keeps it from being freed with the transaction.
pg_cryptohash_ctx* hash_context() {
  static pg_cryptohash_ctx* context = nullptr;
  if (context != nullptr) return context;
  const ResourceOwner owner_before = CurrentResourceOwner;
  const MemoryContext memory_before = MemoryContextSwitchTo(TopMemoryContext);
  static ResourceOwner owner = ResourceOwnerCreate(nullptr, "pg_stash");
  CurrentResourceOwner = owner;
  context = pg_cryptohash_create(PG_SHA256);
  CurrentResourceOwner = owner_before;
  MemoryContextSwitchTo(memory_before);
  return context;
}

}  // namespace

bool compute_sha256(std::string_view bytes, token_hash* hash) {
  pg_cryptohash_ctx* context = hash_context();
  return context != nullptr && pg_cryptohash_init(context) >= 0 &&
         pg_cryptohash_update(context, reinterpret_cast<const uint8*>(bytes.data()),
                              bytes.size()) >= 0 &&
         pg_cryptohash_final(context, hash->data(), hash->size()) >= 0;
}

token_hash hash_token(std::string_view text) {
  token_hash hash;
  if (!compute_sha256(text, &hash))
    ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256")));
  return hash;
}

new_token make_token() {
  new_token token;
  std::uint8_t random[32];
  fill_random(random, sizeof random);
  write_base64url(random, token.text);
  explicit_bzero(random, sizeof random);
  token.hash = hash_token({token.text, token_size});
  return token;
}

session_id make_session_id(timestamp now) {
  session_id id;
  fill_random(id.bytes.data() + 6, id.bytes.size() - 6);
  const auto millis = static_cast<std::uint64_t>((now + unix_epoch_offset) / 1000);
  for (int i = 0; i < 6; i++) id.bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0f));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

}  // namespace stash
