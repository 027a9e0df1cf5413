// What makes one document of another, in the terms of JSON Patch (RFC 6902): add, remove, replace.
//
// Applied in their order to the old document the operations give the new one. Elements of arrays
// are matched by content: what was inserted at the front is one addition. Values that are equal
// byte for byte are not looked into. Objects take O(members); arrays O(elements × differences),
// with at most `most_edits` differences looked for: beyond that what lies between the equal ends is
// matched by position. No recursion: pairs of containers wait in a list.
#pragma once

#include "snapshot/layout.hpp"

namespace stash::memory {

enum class patch_kind : std::uint8_t { add, remove, replace };
const char* patch_name(patch_kind kind);

struct patch_step {
  patch_kind kind;
  std::string path;      // a JSON Pointer (RFC 6901)
  value_view old_value;  // nothing for add
  value_view new_value;  // nothing for remove
};

constexpr std::size_t most_edits = 1000;

// Views into both documents, which must outlive the result. May throw stopped.
std::vector<patch_step> difference(std::string_view old_document, std::string_view new_document,
                                   stop_question stop);

}  // namespace stash::memory
