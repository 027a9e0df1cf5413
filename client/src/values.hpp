// Parameters as the typed calls put them together.
#pragma once

#include "stash/parameters.hpp"

namespace stash::values {

template <typename... Values>
parameters of(const Values&... each) {
  parameters all;
  (all.add(each), ...);
  return all;
}

// A uuid first, then the others.
template <typename... Values>
parameters id_and(std::string_view id, const Values&... rest) {
  parameters all;
  all.add_as(id, uuid_type);
  (all.add(rest), ...);
  return all;
}

// A uuid or an inet address that may be missing.
inline parameters& add_optional_as(parameters& all, const std::optional<std::string>& text,
                                   unsigned type) {
  return text ? all.add_as(*text, type) : all.add(std::nullopt);
}

// Texts; none of them is NULL.
inline parameters& add_texts(parameters& all, const std::vector<std::string>& texts) {
  return texts.empty() ? all.add(std::nullopt) : all.add(texts);
}

}  // namespace stash::values
