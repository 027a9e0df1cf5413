// See batch.hpp.
#include "weaviate/batch.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "weaviate/json_text.hpp"
#include "weaviate/protobuf.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

// As in base.proto.
std::uint64_t connect_number(consistency level) {
  switch (level) {
    case consistency::one:
      return 1;
    case consistency::all:
      return 3;
    default:
      return 2;
  }
}

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

// Both dialects take arrays among the other properties, empty ones too; gRPC has fields of their
// own for them as well.
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

// Fields of the messages of Weaviate's gRPC interface (batch.proto, base.proto) and of
// google.protobuf.Struct.
enum request_field : std::uint32_t { request_objects = 1, request_consistency = 2 };
enum object_field : std::uint32_t {
  object_uuid = 1,
  object_properties = 3,
  object_collection = 4,
  object_tenant = 5,
  object_vector_bytes = 6,
  object_vectors = 23
};
enum vector_field : std::uint32_t { vector_name = 1, vector_bytes = 3, vector_type = 4 };
enum value_field : std::uint32_t {
  value_number = 2,
  value_text = 3,
  value_boolean = 4,
  value_list = 6
};
enum reply_field : std::uint32_t { reply_errors = 2, error_index = 1, error_text = 2 };
constexpr std::uint32_t first_field = 1;  // of what has one: Struct, its entries' key, ListValue
constexpr std::uint32_t entry_value = 2;
constexpr std::uint64_t single_fp32 = 1;

template <typename Range, typename Append>
void append_list_value(std::string* to, const Range& range, Append append) {
  const protobuf::message_scope list(to, value_list);
  for (const auto& each : range) {
    const protobuf::message_scope value(to, first_field);
    append(to, each);
  }
}

// Whole numbers go as doubles, like all of a Struct.
void append_struct_value(std::string* to, const property& property) {
  const auto text = [](std::string* at, std::string_view each) {
    protobuf::append_text(at, value_text, each);
  };
  const auto number = [](std::string* at, auto each) {
    protobuf::append_number(at, value_number, static_cast<double>(each));
  };
  const auto boolean = [](std::string* at, bool each) {
    protobuf::append_integer(at, value_boolean, each ? 1 : 0);
  };
  switch (property.type) {
    case property_type::text:
    case property_type::date:
    case property_type::uuid:
      return text(to, property.text);
    case property_type::integer:
      return number(to, property.integer);
    case property_type::number:
      return number(to, property.number);
    case property_type::boolean:
      return boolean(to, property.boolean);
    case property_type::text_array:
    case property_type::date_array:
    case property_type::uuid_array:
      return append_list_value(to, property.texts, text);
    case property_type::integer_array:
      return append_list_value(to, property.integers, number);
    case property_type::number_array:
      return append_list_value(to, property.numbers, number);
    case property_type::boolean_array:
      return append_list_value(to, property.booleans, boolean);
  }
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

// The reply in the form of the request.
std::optional<std::vector<object_fault>> protobuf_faults(std::string_view reply,
                                                         std::size_t count) {
  std::vector<object_fault> faults;
  const bool whole = protobuf::for_each_field(reply, [&](const protobuf::field& part) {
    if (part.number != reply_errors) return true;
    std::uint64_t index = 0;
    std::string_view text;
    const bool readable = protobuf::for_each_field(part.bytes, [&](const protobuf::field& each) {
      if (each.number == error_index) index = each.integer;
      if (each.number == error_text) text = each.bytes;
      return true;
    });
    if (!readable || index >= count) return false;
    faults.push_back({static_cast<std::size_t>(index), judge_object(text)});
    return true;
  });
  return whole ? std::optional(std::move(faults)) : std::nullopt;
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

upsert_batch::upsert_batch(const server& server) : server_(server) {
  if (server_.dialect == dialect::rest) body_ = R"({"objects":[)";
}

void upsert_batch::add(const object& object) {
  const std::pair group(std::string(object.collection), std::string(object.tenant));
  const auto number = static_cast<std::uint32_t>(group_numbers_.size());
  groups_.push_back(group_numbers_.emplace(group, number).first->second);
  if (server_.dialect == dialect::connect)
    add_connect(object);
  else
    add_rest(object);
}

void upsert_batch::add_connect(const object& object) {
  const protobuf::message_scope message(&body_, request_objects);
  protobuf::append_text(&body_, object_uuid, to_string(object.id));
  protobuf::append_text(&body_, object_collection, object.collection);
  if (!object.tenant.empty()) protobuf::append_text(&body_, object_tenant, object.tenant);
  {
    const protobuf::message_scope properties(&body_, object_properties);
    const protobuf::message_scope all(&body_, first_field);
    for (const property& each : object.properties) {
      const protobuf::message_scope entry(&body_, first_field);
      protobuf::append_text(&body_, first_field, each.name);
      const protobuf::message_scope value(&body_, entry_value);
      append_struct_value(&body_, each);
    }
  }
  if (object.vectors.size() == 1 && object.vectors[0].name.empty()) {
    protobuf::append_floats(&body_, object_vector_bytes, object.vectors[0].values);
    return;
  }
  for (const named_vector& each : object.vectors) {
    const protobuf::message_scope vector(&body_, object_vectors);
    protobuf::append_text(&body_, vector_name, each.name);
    protobuf::append_floats(&body_, vector_bytes, each.values);
    protobuf::append_integer(&body_, vector_type, single_fp32);
  }
}

void upsert_batch::add_rest(const object& object) {
  if (groups_.size() > 1) body_.push_back(',');
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
  if (server_.dialect == dialect::connect) {
    protobuf::append_integer(&body_, request_consistency, connect_number(server_.consistency));
    return connect_call(server_, "BatchObjects", std::move(body_), body_form::protobuf);
  }
  body_.append("]}");
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
  const bool as_protobuf = answer.content_type.starts_with("application/proto");
  auto faults = server_.dialect == dialect::rest ? rest_faults(answer.body, count())
                : as_protobuf                    ? protobuf_faults(answer.body, count())
                                                 : connect_faults(answer.body, count());
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
