// Base64 with padding (RFC 4648), as protojson has it for bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stash::weaviate {

inline constexpr char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Nothing when the text is no base64, or its length no multiple of four.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace stash::weaviate
