// See about.hpp.
#include "weaviate/about.hpp"

#include <nlohmann/json.hpp>

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

judgement unreadable() {
  return {verdict::retry, cause::network, "the server's answer is not what was expected"};
}

std::string text_at(const json& where, const char* name) {
  const auto found = where.find(name);
  return found != where.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_at(const json& where, const char* name) {
  const auto found = where.find(name);
  return found != where.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

}  // namespace

http::request ready_request(const server& server) {
  return rest_call(server, http::method::get, "/.well-known/ready");
}

http::request meta_request(const server& server) {
  return rest_call(server, http::method::get, "/meta");
}

std::string version_of(const http::response& answer) {
  const json parsed = json::parse(answer.body, nullptr, false);
  return parsed.is_object() ? readable(text_at(parsed, "version"), 50) : std::string();
}

http::request probe_request(const server& server) {
  return connect_call(server, "BatchObjects", R"({"objects":[]})");
}

std::optional<dialect> dialect_of(const http::response& answer, judgement* failed) {
  if (is_success(answer) && json::parse(answer.body, nullptr, false).is_object())
    return dialect::connect;
  *failed = judge_failure(answer);
  if (failed->cause == cause::dialect && answer.status >= 400) return dialect::rest;
  return std::nullopt;
}

http::request nodes_request(const server& server) {
  return rest_call(server, http::method::get, "/nodes");
}

judgement read_nodes(const http::response& answer, std::vector<node>* nodes) {
  if (!is_success(answer)) return judge_failure(answer);
  const json parsed = json::parse(answer.body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("nodes") || !parsed["nodes"].is_array())
    return unreadable();
  for (const json& each : parsed["nodes"]) {
    if (!each.is_object()) return unreadable();
    node found;
    found.name = readable(text_at(each, "name"), 200);
    found.status = readable(text_at(each, "status"), 50);
    found.version = readable(text_at(each, "version"), 50);
    found.operational_mode = readable(text_at(each, "operationalMode"), 50);
    const json batches = each.value("batchStats", json());
    if (batches.is_object()) {
      found.queue_length = number_at(batches, "queueLength");
      found.rate_per_second = number_at(batches, "ratePerSecond");
    }
    nodes->push_back(std::move(found));
  }
  return {};
}

http::request count_request(const server& server, std::string_view collection,
                            std::string_view tenant) {
  if (server.dialect == dialect::connect) {
    json body{{"collection", collection}, {"objectsCount", true}};
    if (!tenant.empty()) body["tenant"] = tenant;
    return connect_call(server, "Aggregate", body.dump());
  }
  std::string text = "{Aggregate{" + std::string(collection);
  if (!tenant.empty()) text += "(tenant:" + json(tenant).dump() + ")";
  text += "{meta{count}}}}";
  return rest_call(server, http::method::post, "/graphql", json{{"query", text}}.dump());
}

judgement read_count(const server& server, const http::response& answer, std::int64_t* count) {
  if (!is_success(answer)) return judge_failure(answer);
  const json parsed = json::parse(answer.body, nullptr, false);
  if (!parsed.is_object()) return unreadable();
  if (server.dialect == dialect::connect) {
    const json single = parsed.value("singleResult", json());
    if (!single.is_object()) return unreadable();
    // A number of 64 bits is a text there, and left out when it is 0.
    const std::string text = text_at(single, "objectsCount");
    *count = text.empty() ? number_at(single, "objectsCount") : std::stoll("0" + text);
    return {};
  }
  if (parsed.contains("errors")) return judge_object(message_of(answer.body));
  const json::json_pointer where("/data/Aggregate");
  if (!parsed.contains(where) || !parsed[where].is_object() || parsed[where].empty())
    return unreadable();
  const json& groups = parsed[where].front();
  if (!groups.is_array() || groups.empty()) return unreadable();
  *count = number_at(groups.front().value("meta", json::object()), "count");
  return {};
}

http::request tenants_request(const server& server, std::string_view collection) {
  if (server.dialect == dialect::connect)
    return connect_call(server, "TenantsGet", json{{"collection", collection}}.dump());
  return rest_call(server, http::method::get, "/schema/" + escape_path(collection) + "/tenants");
}

judgement read_tenants(const http::response& answer, std::vector<tenant>* tenants) {
  if (!is_success(answer)) return judge_failure(answer);
  const json parsed = json::parse(answer.body, nullptr, false);
  // REST answers with the list itself.
  const json list = parsed.is_object() ? parsed.value("tenants", json::array()) : parsed;
  if (!list.is_array()) return unreadable();
  for (const json& each : list) {
    if (!each.is_object()) return unreadable();
    const std::string status = text_at(each, "activityStatus");
    // Left out, it is the default.
    const bool active = status.empty() || status.ends_with("HOT") || status.ends_with("ACTIVE");
    tenants->push_back({text_at(each, "name"), active && !status.ends_with("INACTIVE")});
  }
  return {};
}

}  // namespace stash::weaviate
