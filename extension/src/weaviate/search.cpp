// See search.hpp.
#include "weaviate/search.hpp"

#include <utility>

#include "weaviate/answer_json.hpp"
#include "weaviate/base64.hpp"
#include "weaviate/json_text.hpp"
#include "weaviate/little_endian.hpp"
#include "weaviate/search_protobuf.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

json base64_of(std::span<const float> vector) {
  std::string quoted;
  append_floats(&quoted, vector);
  return quoted.substr(1, quoted.size() - 2);
}

json near_vector(const search_query& query) {
  json near{{"vectorBytes", base64_of(query.vector)}};
  if (!query.vector_name.empty()) near["targets"] = {{"targetVectors", {query.vector_name}}};
  return near;
}

json hybrid(const search_query& query) {
  json body{{"query", query.words}, {"alpha", query.vector.empty() ? 0.0 : query.alpha}};
  if (!query.vector.empty()) body["nearVector"] = near_vector(query);
  if (!query.vector_name.empty()) body["targets"] = {{"targetVectors", {query.vector_name}}};
  return body;
}

http::request connect_search(const server& server, const search_query& query) {
  json body{{"collection", query.collection},
            {"limit", query.limit},
            {"uses127Api", true},
            {"metadata", {{"uuid", true}, {query.words.empty() ? "distance" : "score", true}}},
            {"properties", {{"nonRefProperties", query.properties}}}};
  if (!query.tenant.empty()) body["tenant"] = query.tenant;
  if (query.filter != nullptr) body["filters"] = connect_filter(*query.filter);
  if (!query.words.empty()) {
    body["hybridSearch"] = hybrid(query);
  } else {
    body["nearVector"] = near_vector(query);
    if (query.max_distance) body["nearVector"]["distance"] = *query.max_distance;
  }
  return connect_call(server, "Search", body.dump());
}

std::string numbers_of(std::span<const float> vector) {
  std::string list = "[";
  for (const float each : vector) {
    if (list.size() > 1) list += ',';
    append_float(&list, each);
  }
  return list + "]";
}

// Variables do not work there, so everything stands in the text.
std::string graphql_arguments(const search_query& query) {
  std::string text = "limit:" + std::to_string(query.limit);
  if (!query.tenant.empty()) text += ",tenant:" + json(query.tenant).dump();
  if (query.filter != nullptr) text += ",where:" + graphql_filter(*query.filter);
  std::string vector;
  if (!query.vector.empty()) vector = "vector:" + numbers_of(query.vector);
  if (!query.vector_name.empty())
    vector += ",targetVectors:" + json::array({query.vector_name}).dump();
  if (query.words.empty()) {
    text += ",nearVector:{" + vector;
    if (query.max_distance) text += ",distance:" + json(*query.max_distance).dump();
  } else {
    text += ",hybrid:{query:" + json(query.words).dump() +
            ",alpha:" + json(query.vector.empty() ? 0.0 : query.alpha).dump();
    if (!vector.empty()) text += (vector.front() == ',' ? "" : ",") + vector;
  }
  return text + "}";
}

http::request graphql_search(const server& server, const search_query& query) {
  std::string text =
      "{Get{" + std::string(query.collection) + "(" + graphql_arguments(query) + "){";
  for (const std::string& each : query.properties) text += each + " ";
  text += query.words.empty() ? "_additional{id distance}}}}" : "_additional{id score}}}}";
  return rest_call(server, http::method::post, "/graphql", json{{"query", text}}.dump());
}

std::optional<double> number_at(const json& where, const char* name) {
  const auto found = where.find(name);
  if (found == where.end()) return std::nullopt;
  if (found->is_number()) return found->get<double>();
  // GraphQL has scores as texts.
  if (!found->is_string()) return std::nullopt;
  const json parsed = json::parse(found->get<std::string>(), nullptr, false);
  return parsed.is_number() ? std::optional(parsed.get<double>()) : std::nullopt;
}

// Lists of numbers come as base64 of their bytes, eight for each.
template <typename Number>
json numbers_from(const json& packed) {
  const auto bytes = packed.is_string() ? from_base64(packed.get<std::string>()) : std::nullopt;
  return bytes ? json(little_endian_list<Number>(*bytes)) : json::array();
}

json list_from(const json& list) {
  for (const auto& [kind, content] : list.items()) {
    if (!content.is_object()) continue;
    json values = content.value("values", json::array());
    if (kind == "intValues") return numbers_from<std::int64_t>(values);
    if (kind == "numberValues") return numbers_from<double>(values);
    return values;
  }
  return json::array();
}

// A value as Connect has it, {"intValue": "3"} for one; null for none.
json plain_value(const json& value) {
  if (!value.is_object() || value.empty()) return nullptr;
  const auto only = value.begin();
  if (only.key() == "intValue" && only->is_string())
    return json::parse(only->get<std::string>(), nullptr, false);
  if (only.key() == "listValue" && only->is_object()) return list_from(*only);
  return *only;
}

std::string connect_properties(const json& result) {
  const json::json_pointer pointer("/properties/nonRefProps/fields");
  json plain = json::object();
  if (!result.contains(pointer) || !result[pointer].is_object()) return plain.dump();
  for (const auto& [name, value] : result[pointer].items())
    if (json each = plain_value(value); !each.is_null()) plain[name] = std::move(each);
  return plain.dump();
}

std::vector<float> floats_from(const std::string& base64) {
  const auto bytes = from_base64(base64);
  return bytes ? little_endian_list<float>(*bytes) : std::vector<float>();
}

// The unnamed vector, or the only one that was asked for.
std::vector<float> connect_vector(const json& metadata) {
  const std::string unnamed = metadata.value("vectorBytes", std::string());
  if (!unnamed.empty()) return floats_from(unnamed);
  const auto named = metadata.find("vectors");
  if (named == metadata.end() || !named->is_array() || named->empty()) return {};
  return floats_from(named->front().value("vectorBytes", std::string()));
}

void take_named_vectors(const json& metadata, search_hit* hit) {
  const auto named = metadata.find("vectors");
  if (named == metadata.end() || !named->is_array()) return;
  for (const json& each : *named)
    hit->named.emplace_back(each.value("name", std::string()),
                            floats_from(each.value("vectorBytes", std::string())));
}

bool take_connect_hit(const json& result, std::vector<search_hit>* hits) {
  const auto metadata = result.find("metadata");
  if (metadata == result.end() || !metadata->is_object()) return false;
  const auto id = uuid_from_text(metadata->value("id", std::string()));
  if (!id) return false;
  search_hit hit;
  hit.id = *id;
  if (metadata->value("distancePresent", false)) hit.distance = number_at(*metadata, "distance");
  if (metadata->value("scorePresent", false)) hit.score = number_at(*metadata, "score");
  hit.properties = connect_properties(result);
  hit.vector = connect_vector(*metadata);
  take_named_vectors(*metadata, &hit);
  if (const auto at = metadata->find("lastUpdateTimeUnix"); at != metadata->end())
    hit.updated = at->dump();
  hits->push_back(std::move(hit));
  return true;
}

search_result unreadable() {
  return {{verdict::retry, cause::network, "the server's answer is not what was expected"}, {}};
}

search_result read_connect(const http::response& answer) {
  search_result result;
  bool whole = true;
  const json rest = for_each_element(answer.body, "results", [&](const json& each) {
    whole = take_connect_hit(each, &result.hits) && whole;
  });
  return whole && rest.is_object() ? std::move(result) : unreadable();
}

std::vector<float> floats_of(const json& list) {
  std::vector<float> values;
  if (list.is_array())
    for (const json& each : list)
      if (each.is_number()) values.push_back(each.get<float>());
  return values;
}

bool take_graphql_hit(json each, std::vector<search_hit>* hits) {
  const auto additional = each.find("_additional");
  if (additional == each.end() || !additional->is_object()) return false;
  const auto id = uuid_from_text(additional->value("id", std::string()));
  if (!id) return false;
  search_hit hit;
  hit.id = *id;
  hit.distance = number_at(*additional, "distance");
  hit.score = number_at(*additional, "score");
  hit.vector = floats_of(additional->value("vector", json()));
  const json vectors = additional->value("vectors", json::object());
  for (const auto& [name, list] : vectors.items())
    if (list.is_array() && !list.empty()) hit.named.emplace_back(name, floats_of(list));
  hit.updated = additional->value("lastUpdateTimeUnix", std::string());
  each.erase("_additional");
  json plain = json::object();
  for (auto& [name, value] : each.items())
    if (!value.is_null()) plain[name] = std::move(value);
  hit.properties = plain.dump();
  hits->push_back(std::move(hit));
  return true;
}

search_result read_graphql(const http::response& answer) {
  const json parsed = json::parse(answer.body, nullptr, false);
  if (!parsed.is_object()) return unreadable();
  // Errors come with 200.
  if (parsed.contains("errors")) return {judge_object(message_of(answer.body)), {}};
  const json::json_pointer where("/data/Get");
  if (!parsed.contains(where) || !parsed[where].is_object()) return unreadable();
  search_result result;
  for (const auto& [collection, hits] : parsed[where].items())
    for (const json& each : hits.is_array() ? hits : json::array())
      if (!take_graphql_hit(each, &result.hits)) return unreadable();
  return result;
}

json id_list(std::span<const uuid> ids) {
  json list = json::array();
  for (const uuid& each : ids) list.push_back(to_string(each));
  return list;
}

http::request graphql_fetch(const server& server, const fetch_query& query) {
  std::string text =
      "{Get{" + std::string(query.collection) + "(limit:" + std::to_string(query.ids.size()) +
      ",where:{path:[\"id\"],operator:ContainsAny,valueText:" + id_list(query.ids).dump() + "}";
  if (!query.tenant.empty()) text += ",tenant:" + json(query.tenant).dump();
  text += "){";
  for (const std::string& each : query.properties) text += each + " ";
  text += "_additional{id lastUpdateTimeUnix ";
  if (query.vector_names.empty()) {
    text += "vector";
  } else {
    text += "vectors{";
    for (const std::string& each : query.vector_names) text += each + " ";
    text += "}";
  }
  return rest_call(server, http::method::post, "/graphql", json{{"query", text + "}}}}"}}.dump());
}

http::request rest_page(const server& server, const page_query& query) {
  std::string path =
      "/objects?class=" + escape_path(query.collection) + "&limit=" + std::to_string(query.limit);
  // An empty `after` still asks for the order of ids.
  path += "&after=" + (query.after ? to_string(*query.after) : std::string());
  if (!query.tenant.empty()) path += "&tenant=" + escape_path(query.tenant);
  if (query.with_vector) path += "&include=vector";
  return rest_call(server, http::method::get, path);
}

std::vector<float> rest_vector(const json& each, std::string_view name) {
  std::vector<float> values;
  const json none = json::array();
  const json* list = &none;
  if (name.empty() && each.contains("vector")) list = &each["vector"];
  if (!name.empty() && each.contains("vectors") && each["vectors"].contains(name))
    list = &each["vectors"][std::string(name)];
  if (list->is_array())
    for (const json& value : *list) values.push_back(value.get<float>());
  return values;
}

// Every property comes back, asked for or not.
std::string rest_properties(const json& each, std::span<const std::string> wanted) {
  json plain = json::object();
  const auto properties = each.find("properties");
  if (properties != each.end() && properties->is_object())
    for (const std::string& name : wanted)
      if (const auto value = properties->find(name);
          value != properties->end() && !value->is_null())
        plain[name] = *value;
  return plain.dump();
}

search_result read_rest_page(const page_query& query, const http::response& answer) {
  search_result result;
  bool whole = true;
  const json rest = for_each_element(answer.body, "objects", [&](const json& each) {
    const auto id = uuid_from_text(each.value("id", std::string()));
    if (!id) {
      whole = false;
      return;
    }
    search_hit hit;
    hit.id = *id;
    hit.properties = rest_properties(each, query.properties);
    if (query.with_vector) hit.vector = rest_vector(each, query.vector_name);
    result.hits.push_back(std::move(hit));
  });
  return whole && rest.is_object() ? std::move(result) : unreadable();
}

}  // namespace

http::request search_request(const server& server, const search_query& query) {
  if (server.dialect == dialect::rest) return graphql_search(server, query);
  return protobuf::can_tell(query) ? protobuf::search_request(server, query)
                                   : connect_search(server, query);
}

search_result read_search(const server& server, const http::response& answer) {
  if (!is_success(answer)) return {judge_failure(answer), {}};
  if (server.dialect == dialect::rest) return read_graphql(answer);
  // In the form of the request.
  if (!answer.content_type.starts_with("application/proto")) return read_connect(answer);
  std::optional<std::vector<search_hit>> hits = protobuf::read_hits(answer.body);
  return hits ? search_result{{}, std::move(*hits)} : unreadable();
}

http::request page_request(const server& server, const page_query& query) {
  if (server.dialect == dialect::rest) return rest_page(server, query);
  json body{{"collection", query.collection},
            {"limit", query.limit},
            {"uses127Api", true},
            {"after", query.after ? to_string(*query.after) : std::string()},
            {"metadata", {{"uuid", true}}},
            {"properties", {{"nonRefProperties", query.properties}}}};
  if (!query.tenant.empty()) body["tenant"] = query.tenant;
  if (query.with_vector && query.vector_name.empty()) body["metadata"]["vector"] = true;
  if (query.with_vector && !query.vector_name.empty())
    body["metadata"]["vectors"] = {query.vector_name};
  return connect_call(server, "Search", body.dump());
}

http::request fetch_request(const server& server, const fetch_query& query) {
  if (server.dialect == dialect::rest) return graphql_fetch(server, query);
  json body{{"collection", query.collection},
            {"limit", query.ids.size()},
            {"uses127Api", true},
            {"filters",
             {{"operator", "OPERATOR_CONTAINS_ANY"},
              {"target", {{"property", "_id"}}},
              {"valueTextArray", {{"values", id_list(query.ids)}}}}},
            {"metadata", {{"uuid", true}, {"lastUpdateTimeUnix", true}}},
            {"properties", {{"nonRefProperties", query.properties}}}};
  if (!query.tenant.empty()) body["tenant"] = query.tenant;
  if (query.vector_names.empty())
    body["metadata"]["vector"] = true;
  else
    body["metadata"]["vectors"] = query.vector_names;
  return connect_call(server, "Search", body.dump());
}

search_result read_page(const server& server, const page_query& query,
                        const http::response& answer) {
  if (!is_success(answer)) return {judge_failure(answer), {}};
  return server.dialect == dialect::connect ? read_connect(answer) : read_rest_page(query, answer);
}

}  // namespace stash::weaviate
