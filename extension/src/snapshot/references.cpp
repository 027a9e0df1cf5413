// See references.hpp.
#include "snapshot/references.hpp"

#include "snapshot/layout.hpp"

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

void read_list_into(reference_reader* from, std::vector<part_id>* ids, std::size_t most) {
  const std::uint64_t count = from->number();
  if (count == 0 || count > most) throw damaged("a list of parts of an impossible length");
  for (std::uint64_t i = 0; i < count; i++) ids->push_back(from->id());
}

}  // namespace

void reference_writer::number(std::uint64_t value) {
  while (value >= 0x80) {
    out_->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out_->push_back(static_cast<char>(value));
}

void reference_writer::id(part_id value) {
  const auto difference = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last_);
  const std::uint64_t sign = (difference >> 63) != 0 ? ~std::uint64_t{0} : 0;
  number((difference << 1) ^ sign);
  last_ = value;
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

part_id reference_reader::id() {
  const std::uint64_t zigzag = number();
  const std::uint64_t difference = (zigzag >> 1) ^ (~(zigzag & 1) + 1);
  last_ = static_cast<part_id>(static_cast<std::uint64_t>(last_) + difference);
  return last_;
}

std::vector<part_id> read_list(std::string_view refs) {
  std::vector<part_id> ids;
  reference_reader from(refs);
  read_list_into(&from, &ids, refs.size());
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
    read_list_into(&from, &hole.parts, refs.size());
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
