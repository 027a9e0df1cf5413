// See session_parts.hpp.
#include "session_parts.hpp"

#include <chrono>
#include <ctime>

namespace stash::bench {

namespace {

constexpr char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void append_hex(std::string& out, std::uint64_t number, int digits) {
  static constexpr char hex[] = "0123456789abcdef";
  for (int i = digits - 1; i >= 0; i--) out += hex[number >> (4 * i) & 15];
}

std::string make_token(random_source& random) {
  std::string token;
  std::uint64_t bits = 0;
  for (int i = 0; i < token_size; i++) {
    if (i % 10 == 0) bits = random.next();
    token += base64url[bits & 63];
    bits >>= 6;
  }
  return token;
}

std::string make_id(random_source& random) {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
  std::string id;
  append_hex(id, milliseconds >> 16, 8);
  id += '-';
  append_hex(id, milliseconds, 4);
  id += "-7";
  append_hex(id, random.next(), 3);
  id += "-8";
  append_hex(id, random.next(), 3);
  id += '-';
  append_hex(id, random.next(), 12);
  return id;
}

std::string make_hash(random_source& random) {
  std::string hash = "\\x";
  for (int i = 0; i < 4; i++) append_hex(hash, random.next(), 16);
  return hash;
}

std::string make_user(std::uint64_t index) {
  std::string user(key_size, '0');
  write_key(user.data(), index);
  return user;
}

}  // namespace

void session_parts::renew(key_space& keys, random_source& random) {
  index_ = keys.pick(random);
  random_ = random_source(random.next());
  for (std::string& each : made_) each.clear();
}

const std::string& session_parts::text(part which) const {
  if (which == part::token) return (*tokens_)[index_ % tokens_->size()];
  std::string& made = made_[static_cast<int>(which)];
  if (!made.empty()) return made;
  switch (which) {
    case part::token:
      break;
    case part::fresh_token:
      made = make_token(random_);
      break;
    case part::fresh_id:
      made = make_id(random_);
      break;
    case part::fresh_hash:
      made = make_hash(random_);
      break;
    case part::user:
      made = make_user(index_);
      break;
    case part::value:
      made = pick_value(random_);
      break;
    case part::address:
      made = client_address;
      break;
    case part::agent:
      made = client_agent;
      break;
    case part::now:
      made = std::to_string(std::time(nullptr));
      break;
    case part::end:
      made = std::to_string(std::time(nullptr) + session_ttl);
      break;
  }
  return made;
}

}  // namespace stash::bench
