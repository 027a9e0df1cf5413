// See search_protobuf.hpp.
#include "weaviate/search_protobuf.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "weaviate/little_endian.hpp"
#include "weaviate/protobuf.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate::protobuf {
namespace {

// Fields of the messages of Weaviate's gRPC interface: search_get.proto, base_search.proto and
// properties.proto.
enum request_field : std::uint32_t {
  request_collection = 1,
  request_tenant = 10,
  request_properties = 20,
  request_metadata = 21,
  request_limit = 30,
  request_near_vector = 43,
  request_uses_127_api = 102
};
enum wanted_field : std::uint32_t { wanted_property = 1, wanted_uuid = 1, wanted_distance = 5 };
enum near_field : std::uint32_t { near_distance = 2, near_vector_bytes = 4, near_targets = 6 };
enum target_field : std::uint32_t { target_vector = 1 };
enum reply_field : std::uint32_t { reply_results = 2, result_properties = 1, result_metadata = 2 };
enum metadata_field : std::uint32_t { hit_id = 1, hit_distance = 7, hit_distance_present = 8 };
enum property_field : std::uint32_t { plain_properties = 11, properties_entry = 1 };
enum entry_field : std::uint32_t { entry_name = 1, entry_value = 2, value_text = 13 };

bool take_metadata(std::string_view message, search_hit* hit) {
  std::optional<uuid> id;
  float distance = 0;  // which is left out when it is 0
  bool present = false;
  const bool whole = for_each_field(message, [&](const field& each) {
    if (each.number == hit_id) id = uuid_from_text(each.bytes);
    if (each.number == hit_distance_present) present = each.integer != 0;
    if (each.number != hit_distance) return true;
    if (each.bytes.size() != sizeof distance) return false;
    distance = little_endian<float>(each.bytes.data());
    return true;
  });
  if (!whole || !id) return false;
  hit->id = *id;
  if (present) hit->distance = distance;
  return true;
}

bool take_property(std::string_view entry, nlohmann::json* properties) {
  std::string_view name;
  std::optional<std::string_view> text;
  const bool whole = for_each_field(entry, [&](const field& each) {
    if (each.number == entry_name) name = each.bytes;
    if (each.number != entry_value) return true;
    return for_each_field(each.bytes, [&](const field& value) {
      if (value.number == value_text) text = value.bytes;
      return true;
    });
  });
  if (whole && text) (*properties)[std::string(name)] = *text;
  return whole;
}

bool take_properties(std::string_view message, search_hit* hit) {
  nlohmann::json properties = nlohmann::json::object();
  const bool whole = for_each_field(message, [&](const field& part) {
    return part.number != plain_properties || for_each_field(part.bytes, [&](const field& entry) {
             return entry.number != properties_entry || take_property(entry.bytes, &properties);
           });
  });
  hit->properties = properties.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return whole;
}

std::optional<search_hit> hit_from(std::string_view message) {
  search_hit hit;
  hit.properties = "{}";
  bool identified = false;
  const bool whole = for_each_field(message, [&](const field& each) {
    if (each.number == result_properties) return take_properties(each.bytes, &hit);
    if (each.number == result_metadata) return identified = take_metadata(each.bytes, &hit);
    return true;
  });
  return whole && identified ? std::optional(std::move(hit)) : std::nullopt;
}

}  // namespace

bool can_tell(const search_query& query) {
  return query.texts_only && query.words.empty() && query.filter == nullptr;
}

http::request search_request(const server& server, const search_query& query) {
  std::string body;
  append_text(&body, request_collection, query.collection);
  if (!query.tenant.empty()) append_text(&body, request_tenant, query.tenant);
  {
    const message_scope properties(&body, request_properties);
    for (const std::string& each : query.properties) append_text(&body, wanted_property, each);
  }
  {
    const message_scope metadata(&body, request_metadata);
    append_integer(&body, wanted_uuid, 1);
    append_integer(&body, wanted_distance, 1);
  }
  append_integer(&body, request_limit, static_cast<std::uint64_t>(query.limit));
  {
    const message_scope near(&body, request_near_vector);
    if (query.max_distance) append_number(&body, near_distance, *query.max_distance);
    append_floats(&body, near_vector_bytes, query.vector);
    if (!query.vector_name.empty()) {
      const message_scope targets(&body, near_targets);
      append_text(&body, target_vector, query.vector_name);
    }
  }
  append_integer(&body, request_uses_127_api, 1);
  return connect_call(server, "Search", std::move(body), body_form::protobuf);
}

std::optional<std::vector<search_hit>> read_hits(std::string_view reply) {
  // It always says how long it took.
  if (reply.empty()) return std::nullopt;
  std::vector<search_hit> hits;
  const bool whole = for_each_field(reply, [&](const field& each) {
    if (each.number != reply_results) return true;
    std::optional<search_hit> hit = hit_from(each.bytes);
    if (hit) hits.push_back(std::move(*hit));
    return hit.has_value();
  });
  return whole ? std::optional(std::move(hits)) : std::nullopt;
}

}  // namespace stash::weaviate::protobuf
