// See payload.hpp. The pool of values is built on first use and never changes afterwards.
#include "payload.hpp"

#include <string>
#include <vector>

namespace stash::bench {

namespace {

constexpr int value_pool_size = 1024;

std::vector<std::string> make_values() {
  static constexpr char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  random_source random(20240607);
  std::vector<std::string> values(value_pool_size);
  for (std::string& value : values) {
    value.push_back('"');
    for (int i = 0; i < value_size - 2; i++) value += alphabet[random.below(64)];
    value += '"';
  }
  return values;
}

}  // namespace

std::uint64_t random_source::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::uint64_t random_source::below(std::uint64_t bound) {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<wide>(next()) * bound) >> 64);
}

void write_key(char* out, std::uint64_t index) {
  std::uint64_t key = first_key + index;
  for (int i = key_size - 1; i >= 0; i--) {
    out[i] = static_cast<char>('0' + key % 10);
    key /= 10;
  }
}

std::string_view pick_value(random_source& random) {
  static const std::vector<std::string> values = make_values();
  return values[random.below(value_pool_size)];
}

}  // namespace stash::bench
