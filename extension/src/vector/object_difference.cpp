// See object_difference.hpp.
#include "vector/object_difference.hpp"

#include <bit>

#include "store/core_wall.hpp"

namespace stash {
namespace {

using nlohmann::json;
using weaviate::property_type;

// The same moment in one way: Z for a zone of nothing, no zeros at the end of a second's parts.
std::string plain_date(std::string text) {
  if (text.size() < 20 || text[4] != '-' || text[10] != 'T') return text;
  for (const char* zone : {"+00:00", "-00:00"})
    if (text.ends_with(zone)) text.replace(text.size() - 6, 6, "Z");
  const std::size_t point = text.find('.');
  const std::size_t end = text.find_first_not_of("0123456789", point + 1);
  if (point == std::string::npos || end == std::string::npos) return text;
  std::size_t last = text.find_last_not_of('0', end - 1);
  if (last == point) last--;
  return text.substr(0, last + 1) + text.substr(end);
}

template <typename Item>
json list_of(std::span<const Item> items) {
  json list = json::array();
  for (const Item& each : items) list.push_back(each);
  return list;
}

json date_list(std::span<const std::string_view> items) {
  json list = json::array();
  for (const std::string_view each : items) list.push_back(plain_date(std::string(each)));
  return list;
}

json value_of(const weaviate::property& property) {
  switch (property.type) {
    case property_type::text:
    case property_type::uuid:
      return property.text;
    case property_type::date:
      return plain_date(std::string(property.text));
    case property_type::integer:
      return property.integer;
    case property_type::number:
      return property.number;
    case property_type::boolean:
      return property.boolean;
    case property_type::text_array:
    case property_type::uuid_array:
      return list_of(property.texts);
    case property_type::date_array:
      return date_list(property.texts);
    case property_type::integer_array:
      return list_of(property.integers);
    case property_type::number_array:
      return list_of(property.numbers);
    case property_type::boolean_array:
      return list_of(property.booleans);
  }
  return nullptr;
}

// Numbers are equal across their kinds, as nlohmann compares them; what looks like a date there is
// compared as one, for only its way of writing may differ.
bool same_value(const json& wanted, const json& found) {  // NOLINT(misc-no-recursion)
  if (wanted.is_array() && wanted.empty() && found.is_null()) return true;
  if (wanted == found) return true;
  if (wanted.is_string() && found.is_string())
    return wanted.get<std::string>() == plain_date(found.get<std::string>());
  if (!wanted.is_array() || !found.is_array() || wanted.size() != found.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); i++)
    if (!same_value(wanted[i], found[i])) return false;
  return true;
}

bool same_floats(const std::vector<float>& one, const std::vector<float>& two) {
  if (one.size() != two.size()) return false;
  for (std::size_t i = 0; i < one.size(); i++)
    if (std::bit_cast<std::uint32_t>(one[i]) != std::bit_cast<std::uint32_t>(two[i])) return false;
  return true;
}

using named_floats = std::vector<std::pair<std::string, std::vector<float>>>;

const std::vector<float>* floats_named(const named_floats& list, const std::string& name) {
  for (const auto& [each, values] : list)
    if (each == name && !values.empty()) return &values;
  return nullptr;
}

void add_part(std::string* text, const std::string& part) {
  if (!text->empty()) *text += ", ";
  *text += part;
}

}  // namespace

row_image image_of_object(const weaviate::object& object) {
  row_image image;
  for (const weaviate::named_vector& each : object.vectors)
    image.vectors.emplace_back(each.name,
                               std::vector<float>(each.values.begin(), each.values.end()));
  for (const weaviate::property& each : object.properties)
    image.properties[std::string(each.name)] = value_of(each);
  return image;
}

std::string difference_of(const row_image& row, const weaviate::search_hit& object,
                          const std::vector<std::string>& property_names,
                          const std::vector<std::string>& vector_names) {
  std::string differs;
  for (const std::string& name : vector_names) {
    const std::vector<float>* wanted = floats_named(row.vectors, name);
    const std::vector<float>* found = floats_named(object.named, name);
    if (name.empty() && !object.vector.empty()) found = &object.vector;
    const bool same =
        wanted == nullptr || found == nullptr ? wanted == found : same_floats(*wanted, *found);
    if (!same) add_part(&differs, name.empty() ? "vector" : "vector \"" + name + "\"");
  }
  const json found = json::parse(object.properties, nullptr, false);
  for (const std::string& name : property_names) {
    const json wanted_value = row.properties.value(name, json());
    const json found_value = found.is_object() ? found.value(name, json()) : json();
    if (!same_value(wanted_value, found_value)) add_part(&differs, "property \"" + name + "\"");
  }
  return differs;
}

bool same_object(const weaviate::search_hit& one, const weaviate::search_hit& two) {
  if (one.id != two.id || one.updated != two.updated || one.properties != two.properties ||
      !same_floats(one.vector, two.vector) || one.named.size() != two.named.size())
    return false;
  for (const auto& [name, values] : one.named) {
    const std::vector<float>* other = floats_named(two.named, name);
    if (!values.empty() && (other == nullptr || !same_floats(values, *other))) return false;
  }
  return true;
}

}  // namespace stash
