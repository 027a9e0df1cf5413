// The words of jsonb, for full text: all its strings, weighed by the names that lead to them.
#pragma once

#include "boundary/postgres.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace stash::memory {

struct word_list {
  TSVector words;
  bool complete;  // false: there were more than a tsvector holds; these are the first
};

/// `weights`: {"name.name": "A"}; a string has the weight of the longest path that ends the names
/// above it, else D. Words that no index takes (over 2 kB) are left out without a message. O(size).
word_list words_of(const Jsonb* content, Oid language, const Jsonb* weights);

}  // namespace stash::memory
