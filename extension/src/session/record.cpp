// See record.hpp.
#include "session/record.hpp"

#include <cmath>
#include <type_traits>

#include "store/core_wall.hpp"

namespace stash {
namespace {

struct encoded_head {
  session_facts facts;
  // An administrator may write longer texts than session_create.
  std::uint32_t data_size;
  std::uint32_t user_size;
  std::uint32_t agent_size;
  std::uint32_t address_size;
  std::uint32_t user_agent_size;
};
static_assert(std::is_trivially_copyable_v<encoded_head>);

}  // namespace

bool same_hash(const token_hash& a, const token_hash& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); i++)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  // Read through a volatile: the compiler must not turn the loop into one that stops early.
  const volatile std::uint8_t result = difference;
  return result == 0;
}

timestamp moment_after(timestamp from, double seconds) {
  // The last moment that a timestamptz can show is in the year 294276.
  constexpr double last = 9.2e18;
  const double moment = static_cast<double>(from) + seconds * 1e6;
  return moment >= last ? never : from + std::llround(seconds * 1e6);
}

void encode(const session_record& record, std::string* bytes) {
  encoded_head head{};
  head.facts = record.facts;
  head.data_size = static_cast<std::uint32_t>(record.data.size());
  head.user_size = static_cast<std::uint32_t>(record.user_id.size());
  head.agent_size = static_cast<std::uint32_t>(record.agent_id.size());
  head.address_size = static_cast<std::uint32_t>(record.address.size());
  head.user_agent_size = static_cast<std::uint32_t>(record.user_agent.size());
  bytes->assign(reinterpret_cast<const char*>(&head), sizeof head);
  for (const std::string_view part :
       {record.data, record.user_id, record.agent_id, record.address, record.user_agent})
    bytes->append(part);
}

std::optional<session_record> decode_session(std::string_view bytes) {
  encoded_head head;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes.remove_prefix(sizeof head);
  if (bytes.size() != std::size_t{head.data_size} + head.user_size + head.agent_size +
                          head.address_size + head.user_agent_size)
    return std::nullopt;
  const auto take = [&](std::size_t size) {
    const std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return part;
  };
  session_record record;
  record.facts = head.facts;
  record.data = take(head.data_size);
  record.user_id = take(head.user_size);
  record.agent_id = take(head.agent_size);
  record.address = take(head.address_size);
  record.user_agent = take(head.user_agent_size);
  return record;
}

}  // namespace stash
