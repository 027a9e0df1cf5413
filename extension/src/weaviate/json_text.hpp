// Writing JSON without a tree: for batches, whose vectors would lie in memory twice otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace stash::weaviate {

// Quotes and escapes. The text must be valid UTF-8 (see validation.hpp); it is not looked at here.
void append_string(std::string* to, std::string_view text);

void append_integer(std::string* to, std::int64_t value);

// The shortest text that reads back as the same double. The value must be finite: JSON has no
// other.
void append_number(std::string* to, double value);

// The same for a float, in half the digits.
void append_float(std::string* to, float value);

// Base64 of the values as little-endian float32, in quotes.
void append_floats(std::string* to, std::span<const float> values);

}  // namespace stash::weaviate
