// Numbers out of the answers of others. What is none is an error that says where it came from.
#pragma once

#include <string>

namespace stash::bench {

// The number that a text begins with. Throws std::runtime_error with source and text when it begins
// with none.
double parse_figure(const std::string& source, const std::string& text);

// The number that follows a name in the answer, as in "used_memory:1048576". Throws
// std::runtime_error when the name or the number is not there.
double parse_figure_after(const std::string& source, const std::string& text,
                          const std::string& name);

}  // namespace stash::bench
