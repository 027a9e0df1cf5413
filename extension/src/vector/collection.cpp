// See collection.hpp.
#include "vector/collection.hpp"

#include <nlohmann/json.hpp>

#include "store/core_wall.hpp"

namespace stash {
namespace {

using nlohmann::json;

json index_config(const collection_wish& wish) {
  json config = {{"distance", wish.distance}};
  // "dynamic" begins as a flat index and becomes a graph; both parts have a distance of their own.
  if (wish.index == "dynamic") {
    config["hnsw"] = {{"distance", wish.distance}};
    config["flat"] = {{"distance", wish.distance}};
  }
  return config;
}

json properties_of(const collection_wish& wish) {
  json list = json::array();
  for (const auto& [name, type] : wish.properties)
    list.push_back({{"name", name}, {"dataType", {type}}});
  // The row's key, to find the row again; it is looked for by id, never by this.
  list.push_back({{"name", "stash_key"},
                  {"dataType", {"text"}},
                  {"indexFilterable", false},
                  {"indexSearchable", false}});
  return list;
}

class comparison {
 public:
  void expect(const std::string& what, const std::string& wanted, const std::string& found) {
    if (wanted == found) return;
    if (!text_.empty()) text_ += "; ";
    text_ += what + " is " + (found.empty() ? "not there" : found) + ", not " + wanted;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string text_at(const json& where, const char* name) {
  const auto found = where.is_object() ? where.find(name) : where.end();
  return where.is_object() && found != where.end() && found->is_string() ? found->get<std::string>()
                                                                         : "";
}

json member(const json& where, const char* name) {
  return where.is_object() ? where.value(name, json::object()) : json::object();
}

void compare_vector(const collection_wish& wish, const std::string& name, const json& found,
                    comparison* result) {
  const std::string of = name.empty() ? "" : " of vector \"" + name + "\"";
  result->expect("the distance" + of, wish.distance,
                 text_at(member(found, "vectorIndexConfig"), "distance"));
  result->expect("the index" + of, wish.index, text_at(found, "vectorIndexType"));
}

void compare_properties(const collection_wish& wish, const json& schema, comparison* result) {
  std::vector<std::pair<std::string, std::string>> wanted = wish.properties;
  wanted.emplace_back("stash_key", "text");
  for (const auto& [name, type] : wanted) {
    std::string found;
    for (const json& each : schema.value("properties", json::array()))
      if (text_at(each, "name") == name)
        found = each.value("dataType", json::array({""})).at(0).get<std::string>();
    result->expect("property \"" + name + "\"", type, found);
  }
}

}  // namespace

std::string collection_definition(const collection_wish& wish) {
  json definition = {{"class", wish.name}, {"properties", properties_of(wish)}};
  definition["replicationConfig"] = {{"factor", wish.replication_factor}};
  if (wish.replication_factor > 1) {
    // What a node missed while it was away must not come back with it: a deletion that is newer
    // than the object wins, and replicas are compared without anybody reading. The default of
    // recent servers, which do not know the second name any more.
    definition["replicationConfig"]["deletionStrategy"] = "TimeBasedResolution";
    definition["replicationConfig"]["asyncEnabled"] = true;
  }
  if (wish.tenants)
    definition["multiTenancyConfig"] = {{"enabled", true}, {"autoTenantCreation", true}};
  if (wish.vectors.size() == 1 && wish.vectors[0].empty()) {
    definition["vectorizer"] = "none";
    definition["vectorIndexType"] = wish.index;
    definition["vectorIndexConfig"] = index_config(wish);
  } else {
    for (const std::string& name : wish.vectors)
      definition["vectorConfig"][name] = {{"vectorizer", {{"none", json::object()}}},
                                          {"vectorIndexType", wish.index},
                                          {"vectorIndexConfig", index_config(wish)}};
  }
  return definition.dump();
}

std::string collection_differences(const collection_wish& wish, std::string_view schema) {
  const json found = json::parse(schema, nullptr, false);
  if (!found.is_object()) return "its description cannot be read";
  comparison result;
  for (const std::string& name : wish.vectors)
    compare_vector(wish, name,
                   name.empty() ? found : member(member(found, "vectorConfig"), name.c_str()),
                   &result);
  compare_properties(wish, found, &result);
  const bool tenants = member(found, "multiTenancyConfig").value("enabled", false);
  result.expect("multi-tenancy", wish.tenants ? "on" : "off", tenants ? "on" : "off");
  return result.text();
}

}  // namespace stash
