// See batch.hpp.
#include "weaviate/batch.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "weaviate/json_text.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

std::string_view connect_name(consistency level) {
  switch (level) {
    case consistency::one:
      return "CONSISTENCY_LEVEL_ONE";
    case consistency::all:
      return "CONSISTENCY_LEVEL_ALL";
    default:
      return "CONSISTENCY_LEVEL_QUORUM";
  }
}

std::string_view rest_name(consistency level) {
  switch (level) {
    case consistency::one:
      return "ONE";
    case consistency::all:
      return "ALL";
    default:
      return "QUORUM";
  }
}

template <typename Range, typename Append>
void append_list(std::string* to, const Range& range, Append append) {
  to->push_back('[');
  bool first = true;
  for (const auto& each : range) {
    if (!first) to->push_back(',');
    first = false;
    append(to, each);
  }
  to->push_back(']');
}

void append_boolean(std::string* to, bool value) { to->append(value ? "true" : "false"); }

void append_value(std::string* to, const property& property) {
  switch (property.type) {
    case property_type::text:
    case property_type::date:
    case property_type::uuid:
      append_string(to, property.text);
      break;
    case property_type::integer:
      append_integer(to, property.integer);
      break;
    case property_type::number:
      append_number(to, property.number);
      break;
    case property_type::boolean:
      append_boolean(to, property.boolean);
      break;
    case property_type::text_array:
    case property_type::date_array:
    case property_type::uuid_array:
      append_list(to, property.texts, append_string);
      break;
    case property_type::integer_array:
      append_list(to, property.integers, append_integer);
      break;
    case property_type::number_array:
      append_list(to, property.numbers, append_number);
      break;
    case property_type::boolean_array:
      append_list(to, property.booleans, append_boolean);
      break;
  }
}

// Both dialects take arrays among the other properties (Connect does although its gRPC interface
// has fields of their own for them), empty ones too.
void append_properties(std::string* to, const object& object) {
  to->push_back('{');
  bool first = true;
  for (const property& each : object.properties) {
    if (!first) to->push_back(',');
    first = false;
    append_string(to, each.name);
    to->push_back(':');
    append_value(to, each);
  }
  to->push_back('}');
}

void append_vector_connect(std::string* to, const named_vector& vector) {
  to->append("{\"name\":");
  append_string(to, vector.name);
  to->append(R"(,"type":"VECTOR_TYPE_SINGLE_FP32","vectorBytes":)");
  append_floats(to, vector.values);
  to->push_back('}');
}

// Through float, whose shortest text is half as long as that of the double.
void append_vector_rest(std::string* to, const named_vector& vector) {
  append_list(to, vector.values, append_float);
}

judgement unreadable_answer() {
  return {verdict::retry, cause::network, "the server's answer is not what was expected"};
}

// Entries in the order of their indexes, the first of each.
void sort_faults(std::vector<object_fault>* faults) {
  std::stable_sort(faults->begin(), faults->end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  const auto same = [](const auto& a, const auto& b) { return a.index == b.index; };
  faults->erase(std::unique(faults->begin(), faults->end(), same), faults->end());
}

std::optional<std::vector<object_fault>> connect_faults(const std::string& body,
                                                        std::size_t count) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return std::nullopt;
  std::vector<object_fault> faults;
  const auto errors = answer.find("errors");
  if (errors == answer.end()) return faults;
  if (!errors->is_array()) return std::nullopt;
  for (const json& each : *errors) {
    if (!each.is_object()) return std::nullopt;
    // Protojson leaves out an index of 0.
    const auto index = each.value("index", std::size_t{0});
    if (index >= count) return std::nullopt;
    faults.push_back({index, judge_object(each.value("error", std::string()))});
  }
  return faults;
}

// Vectors and properties come back with every object and are dropped while they are read.
bool skip_echo(int, json::parse_event_t event, json& parsed) {
  if (event != json::parse_event_t::key) return true;
  const auto& key = parsed.get_ref<const std::string&>();
  return key != "vector" && key != "vectors" && key != "properties";
}

std::optional<std::vector<object_fault>> rest_faults(const std::string& body,
                                                     const std::size_t count) {
  const json answer = json::parse(body, skip_echo, false);
  // One answer for each object, in their order; less is half an answer.
  if (!answer.is_array() || answer.size() != count) return std::nullopt;
  std::vector<object_fault> faults;
  for (std::size_t i = 0; i < count; i++) {
    const auto result = answer[i].find("result");
    if (result == answer[i].end()) return std::nullopt;
    const bool failed = result->value("status", std::string()) == "FAILED";
    const auto errors = result->find("errors");
    const bool has_errors = errors != result->end() && !errors->is_null();
    if (failed || has_errors)
      faults.push_back({i, judge_object(has_errors ? message_of(errors->dump()) : "")});
  }
  return faults;
}

// What a verbose answer to a deletion says of one object; Connect gives the 16 bytes in base64.
std::optional<uuid> deleted_id(const json& each) {
  if (each.contains("id")) return uuid_from_text(each.value("id", std::string()));
  return uuid_from_base64(each.value("uuid", std::string()));
}

// Its error; empty when it is deleted.
std::string deletion_error(const json& each) {
  const std::string unnamed = "the server could not delete the object and did not say why";
  if (each.contains("status")) {
    if (each.value("status", std::string()) != "FAILED") return {};
    const auto errors = each.find("errors");
    return errors != each.end() && !errors->is_null() ? message_of(errors->dump()) : unnamed;
  }
  if (each.value("successful", false)) return {};
  const std::string error = each.value("error", std::string());
  return error.empty() ? unnamed : error;
}

}  // namespace

upsert_batch::upsert_batch(const server& server) : server_(server) { body_ = R"({"objects":[)"; }

void upsert_batch::add(const object& object) {
  const std::pair group(std::string(object.collection), std::string(object.tenant));
  const auto number = static_cast<std::uint32_t>(group_numbers_.size());
  groups_.push_back(group_numbers_.emplace(group, number).first->second);
  if (groups_.size() > 1) body_.push_back(',');
  if (server_.dialect == dialect::connect)
    add_connect(object);
  else
    add_rest(object);
}

void upsert_batch::add_connect(const object& object) {
  body_.append("{\"collection\":");
  append_string(&body_, object.collection);
  if (!object.tenant.empty()) {
    body_.append(",\"tenant\":");
    append_string(&body_, object.tenant);
  }
  body_.append(",\"uuid\":\"");
  append_uuid(&body_, object.id);
  body_.append(R"(","properties":{"nonRefProperties":)");
  append_properties(&body_, object);
  body_.push_back('}');
  if (object.vectors.size() == 1 && object.vectors[0].name.empty()) {
    body_.append(",\"vectorBytes\":");
    append_floats(&body_, object.vectors[0].values);
  } else if (!object.vectors.empty()) {
    body_.append(",\"vectors\":");
    append_list(&body_, object.vectors, append_vector_connect);
  }
  body_.push_back('}');
}

void upsert_batch::add_rest(const object& object) {
  body_.append("{\"class\":");
  append_string(&body_, object.collection);
  if (!object.tenant.empty()) {
    body_.append(",\"tenant\":");
    append_string(&body_, object.tenant);
  }
  body_.append(",\"id\":\"");
  append_uuid(&body_, object.id);
  body_.append("\",\"properties\":");
  append_properties(&body_, object);
  if (object.vectors.size() == 1 && object.vectors[0].name.empty()) {
    body_.append(",\"vector\":");
    append_vector_rest(&body_, object.vectors[0]);
  } else if (!object.vectors.empty()) {
    body_.append(",\"vectors\":{");
    for (const named_vector& each : object.vectors) {
      if (&each != object.vectors.data()) body_.push_back(',');
      append_string(&body_, each.name);
      body_.push_back(':');
      append_vector_rest(&body_, each);
    }
    body_.push_back('}');
  }
  body_.push_back('}');
}

http::request upsert_batch::take_request() {
  body_.push_back(']');
  if (server_.dialect == dialect::connect) {
    body_.append(",\"consistencyLevel\":\"");
    body_.append(connect_name(server_.consistency));
    body_.append("\"}");
    return connect_call(server_, "BatchObjects", std::move(body_));
  }
  body_.push_back('}');
  std::string path = "/batch/objects?consistency_level=";
  path += rest_name(server_.consistency);
  return rest_call(server_, http::method::post, path, std::move(body_));
}

void upsert_batch::doubt_groups(batch_result* result) const {
  std::set<std::uint32_t> doubtful;
  std::string message;
  for (const object_fault& fault : result->faults) {
    if (fault.judged.cause != cause::read_only) continue;
    doubtful.insert(groups_[fault.index]);
    message = fault.judged.message;
  }
  if (doubtful.empty()) return;
  for (std::size_t i = 0; i < groups_.size(); i++)
    if (doubtful.contains(groups_[i]))
      result->faults.push_back({i, {verdict::retry, cause::read_only, message}});
  // The objects' own faults come first: a wrong vector stays wrong.
  sort_faults(&result->faults);
}

batch_result upsert_batch::read(const http::response& answer) const {
  if (!is_success(answer)) return {judge_failure(answer), {}};
  auto faults = server_.dialect == dialect::connect ? connect_faults(answer.body, count())
                                                    : rest_faults(answer.body, count());
  if (!faults) return {unreadable_answer(), {}};
  batch_result result{{}, std::move(*faults)};
  sort_faults(&result.faults);
  doubt_groups(&result);
  return result;
}

delete_batch::delete_batch(const server& server, std::string_view collection,
                           std::string_view tenant)
    : server_(server), collection_(collection), tenant_(tenant) {}

void delete_batch::add(const uuid& id) { ids_.push_back(id); }

http::request delete_batch::request() const {
  json ids = json::array();
  for (const uuid& id : ids_) ids.push_back(to_string(id));
  if (server_.dialect == dialect::connect) {
    json body{{"collection", collection_},
              {"verbose", true},
              {"consistencyLevel", connect_name(server_.consistency)},
              {"filters",
               {{"operator", "OPERATOR_CONTAINS_ANY"},
                {"target", {{"property", "_id"}}},
                {"valueTextArray", {{"values", std::move(ids)}}}}}};
    if (!tenant_.empty()) body["tenant"] = tenant_;
    return connect_call(server_, "BatchDelete", body.dump());
  }
  const json body{
      {"match",
       {{"class", collection_},
        {"where",
         {{"path", {"id"}}, {"operator", "ContainsAny"}, {"valueTextArray", std::move(ids)}}}}},
      {"output", "verbose"}};
  std::string path = "/batch/objects?consistency_level=";
  path += rest_name(server_.consistency);
  if (!tenant_.empty()) path += "&tenant=" + escape_path(tenant_);
  return rest_call(server_, http::method::remove, path, body.dump());
}

batch_result delete_batch::read(const http::response& answer) const {
  if (!is_success(answer)) return {judge_failure(answer), {}};
  const json parsed = json::parse(answer.body, nullptr, false);
  if (!parsed.is_object()) return {unreadable_answer(), {}};
  const json results =
      server_.dialect == dialect::rest ? parsed.value("results", json::object()) : parsed;
  const auto objects = results.find("objects");
  batch_result result;
  for (const json& each : objects != results.end() ? *objects : json::array()) {
    if (!each.is_object()) return {unreadable_answer(), {}};
    const std::string error = deletion_error(each);
    if (error.empty()) continue;
    const judgement judged = judge_object(error);
    // A read-only shard fails its first object, with or without an id, and leaves the others.
    if (judged.cause == cause::read_only) return {judged, {}};
    const std::optional<uuid> id = deleted_id(each);
    const auto at = id ? std::find(ids_.begin(), ids_.end(), *id) : ids_.end();
    if (at == ids_.end()) return {judged, {}};
    result.faults.push_back({static_cast<std::size_t>(std::distance(ids_.begin(), at)), judged});
  }
  sort_faults(&result.faults);
  return result;
}

}  // namespace stash::weaviate
