// See references.hpp.
#include "snapshot/references.hpp"

#include <bit>

#include "snapshot/layout.hpp"

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

constexpr unsigned byte_bits = 8;
// So many ones say: what follows is not low bits, but a width and as many bits.
constexpr unsigned escape = 8;
constexpr unsigned width_bits = 6;  // a width less one
constexpr unsigned most_low_bits = 40;

unsigned width_of(std::uint64_t value) {
  return value == 0 ? 1 : static_cast<unsigned>(std::bit_width(value));
}

unsigned code_length(std::uint64_t value, unsigned low_bits) {
  const std::uint64_t ones = value >> low_bits;
  if (ones < escape) return static_cast<unsigned>(ones) + 1 + low_bits;
  return escape + width_bits + width_of(value);
}

unsigned best_low_bits(const std::vector<std::uint64_t>& values) {
  unsigned best = 0;
  std::uint64_t least = UINT64_MAX;
  for (unsigned low_bits = 0; low_bits <= most_low_bits; low_bits++) {
    std::uint64_t length = 0;
    for (const std::uint64_t each : values) length += code_length(each, low_bits);
    if (length >= least) continue;
    least = length;
    best = low_bits;
  }
  return best;
}

class bit_writer {
 public:
  explicit bit_writer(std::string* out) : out_(out) {}
  void bits(std::uint64_t value, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
      if (used_ % byte_bits == 0) out_->push_back('\0');
      const auto bit = static_cast<unsigned>(value >> i & 1);
      out_->back() =
          static_cast<char>(static_cast<unsigned char>(out_->back()) | bit << used_ % byte_bits);
      used_++;
    }
  }
  void code(std::uint64_t value, unsigned low_bits) {
    const std::uint64_t ones = value >> low_bits;
    if (ones < escape) {
      bits((std::uint64_t{1} << ones) - 1, static_cast<unsigned>(ones) + 1);
      bits(value, low_bits);
      return;
    }
    bits((1U << escape) - 1, escape);
    bits(width_of(value) - 1, width_bits);
    bits(value, width_of(value));
  }

 private:
  std::string* out_;
  unsigned used_ = 0;
};

class bit_reader {
 public:
  explicit bit_reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t bits(unsigned count) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) value |= std::uint64_t{bit()} << i;
    return value;
  }
  std::uint64_t code(unsigned low_bits) {
    std::uint64_t ones = 0;
    while (ones < escape && bit() != 0) ones++;
    if (ones < escape) return ones << low_bits | bits(low_bits);
    const auto width = static_cast<unsigned>(bits(width_bits)) + 1;
    return bits(width);
  }
  // How many bytes were begun; what is left of the last one must be empty.
  std::size_t end() {
    while (at_ % byte_bits != 0)
      if (bit() != 0) throw damaged("a list of parts with something behind it");
    return at_ / byte_bits;
  }

 private:
  unsigned bit() {
    if (at_ / byte_bits >= bytes_.size()) throw damaged("a list of parts that ends too early");
    const auto byte = static_cast<unsigned char>(bytes_[at_ / byte_bits]);
    return byte >> at_++ % byte_bits & 1U;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

void reference_writer::number(std::uint64_t value) {
  while (value >= 0x80) {
    out_->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out_->push_back(static_cast<char>(value));
}

std::uint64_t reference_writer::difference(part_id to) {
  const auto difference = static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(last_);
  const std::uint64_t sign = (difference >> 63) != 0 ? ~std::uint64_t{0} : 0;
  last_ = to;
  return (difference << 1) ^ sign;
}

void reference_writer::list(const std::vector<part_id>& ids) {
  number(ids.size());
  number(difference(ids.front()));
  if (ids.size() == 1) return;
  std::vector<std::uint64_t> values;
  values.reserve(ids.size() - 1);
  for (std::size_t i = 1; i < ids.size(); i++) values.push_back(difference(ids[i]));
  const unsigned low_bits = best_low_bits(values);
  out_->push_back(static_cast<char>(low_bits));
  bit_writer writer(out_);
  for (const std::uint64_t each : values) writer.code(each, low_bits);
}

std::uint64_t reference_reader::number() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == bytes_.size()) throw damaged("a list of parts that ends too early");
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  throw damaged("a number in a list of parts that is too long");
}

part_id reference_reader::moved_by(std::uint64_t difference) {
  const std::uint64_t plain = (difference >> 1) ^ (~(difference & 1) + 1);
  last_ = static_cast<part_id>(static_cast<std::uint64_t>(last_) + plain);
  return last_;
}

void reference_reader::list(std::vector<part_id>* ids) {
  const std::uint64_t count = number();
  // A code takes a bit at least.
  if (count == 0 || count - 1 > (bytes_.size() - at_) * byte_bits)
    throw damaged("a list of parts of an impossible length");
  ids->push_back(moved_by(number()));
  if (count == 1) return;
  if (at_ == bytes_.size()) throw damaged("a list of parts that ends too early");
  const auto low_bits = static_cast<unsigned char>(bytes_[at_++]);
  if (low_bits > most_low_bits) throw damaged("a list of parts of impossible numbers");
  bit_reader reader(bytes_.substr(at_));
  for (std::uint64_t i = 1; i < count; i++) ids->push_back(moved_by(reader.code(low_bits)));
  at_ += reader.end();
}

std::vector<part_id> read_list(std::string_view refs) {
  std::vector<part_id> ids;
  reference_reader from(refs);
  from.list(&ids);
  if (!from.at_end()) throw damaged("a list of parts with something behind it");
  return ids;
}

std::vector<hole_view> read_holes(std::string_view refs) {
  std::vector<hole_view> holes;
  if (refs.empty()) return holes;
  reference_reader from(refs);
  const std::uint64_t count = from.number();
  if (count > refs.size()) throw damaged("more holes than bytes");
  std::uint64_t index = 0;
  for (std::uint64_t i = 0; i < count; i++) {
    index += from.number();
    hole_view hole;
    hole.index = static_cast<std::uint32_t>(index);
    from.list(&hole.parts);
    holes.push_back(std::move(hole));
    index++;
  }
  if (!from.at_end()) throw damaged("holes with something behind them");
  return holes;
}

std::vector<part_id> read_ids(std::string_view refs, bool leaf) {
  if (!leaf) return read_list(refs);
  std::vector<part_id> ids;
  for (const hole_view& hole : read_holes(refs))
    ids.insert(ids.end(), hole.parts.begin(), hole.parts.end());
  return ids;
}

}  // namespace stash::memory
