// Reading answers that may be long: the elements of one list, one after another, without all of
// them in memory at once.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace stash::weaviate {

// Calls `visit` for every object in the list `name` of the top-level object, then drops it. Returns
// what is left of the top-level object; a discarded value when the text is no JSON.
template <typename Visit>
nlohmann::json for_each_element(std::string_view text, std::string_view name, Visit visit) {
  using nlohmann::json;
  std::string key;
  const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) key = parsed.get<std::string>();
    if (event == json::parse_event_t::object_end && depth == 2 && key == name) {
      visit(parsed);
      return false;
    }
    return true;
  };
  return json::parse(text, callback, false);
}

}  // namespace stash::weaviate
