// UUIDs as Weaviate has them for its objects, and the one that a row of a table gets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stash::weaviate {

struct uuid {
  std::array<std::uint8_t, 16> bytes{};
  friend auto operator<=>(const uuid&, const uuid&) = default;
};

// Lower case, 36 characters: older servers give back whatever case they were sent.
std::string to_string(const uuid& id);
void append_uuid(std::string* to, const uuid& id);

// From 36 characters in either case; nothing for anything else.
std::optional<uuid> uuid_from_text(std::string_view text);

// From the base64 of the 16 bytes, 24 characters.
std::optional<uuid> uuid_from_base64(std::string_view text);

// The name-based UUID of RFC 9562 (version 5, SHA-1). Throws std::runtime_error when the system's
// libcrypto refuses SHA-1.
uuid uuid_from_name(const uuid& space, std::string_view name);

// The id of a row's object: the same for the same parts, and no other parts give the same input,
// for each is preceded by its length. `parts` are whatever names the row for good: which database,
// which table, the primary key's values as text.
uuid object_id(std::span<const std::string_view> parts);

}  // namespace stash::weaviate
