// See condition.hpp.
#include "weaviate/condition.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

using nlohmann::json;

struct operator_names {
  match how;
  const char* connect;
  const char* graphql;
};

constexpr operator_names names[] = {
    {match::equal, "OPERATOR_EQUAL", "Equal"},
    {match::not_equal, "OPERATOR_NOT_EQUAL", "NotEqual"},
    {match::less, "OPERATOR_LESS_THAN", "LessThan"},
    {match::less_equal, "OPERATOR_LESS_THAN_EQUAL", "LessThanEqual"},
    {match::greater, "OPERATOR_GREATER_THAN", "GreaterThan"},
    {match::greater_equal, "OPERATOR_GREATER_THAN_EQUAL", "GreaterThanEqual"},
    {match::contains_any, "OPERATOR_CONTAINS_ANY", "ContainsAny"},
    {match::contains_all, "OPERATOR_CONTAINS_ALL", "ContainsAll"},
    {match::is_null, "OPERATOR_IS_NULL", "IsNull"},
};

const operator_names& names_of(match how) {
  return *std::find_if(std::begin(names), std::end(names),
                       [&](const operator_names& each) { return each.how == how; });
}

const char* value_field(value_kind kind) {
  switch (kind) {
    case value_kind::integer:
      return "valueInt";
    case value_kind::number:
      return "valueNumber";
    case value_kind::boolean:
      return "valueBoolean";
    default:
      return "valueText";
  }
}

json value_of(value_kind kind, const std::string& value) {
  return kind == value_kind::text ? json(value) : json::parse(value);
}

bool takes_list(match how) { return how == match::contains_any || how == match::contains_all; }

json values_of(const condition& condition) {
  if (!takes_list(condition.how)) return value_of(condition.values_are, condition.values.front());
  json list = json::array();
  for (const std::string& each : condition.values)
    list.push_back(value_of(condition.values_are, each));
  return list;
}

}  // namespace

json connect_filter(const condition& condition) {
  if (condition.is == condition::kind::compare) {
    json filter{{"operator", names_of(condition.how).connect},
                {"target", {{"property", condition.property}}}};
    const std::string field = value_field(condition.values_are);
    if (takes_list(condition.how))
      filter[field + "Array"] = {{"values", values_of(condition)}};
    else
      filter[field] = values_of(condition);
    return filter;
  }
  json parts = json::array();
  for (const auto& each : condition.parts) parts.push_back(connect_filter(each));
  // "Not" takes one filter.
  if (condition.is == condition::kind::none_of && parts.size() > 1)
    parts = json::array({{{"operator", "OPERATOR_OR"}, {"filters", parts}}});
  const char* name = condition.is == condition::kind::all_of   ? "OPERATOR_AND"
                     : condition.is == condition::kind::any_of ? "OPERATOR_OR"
                                                               : "OPERATOR_NOT";
  return {{"operator", name}, {"filters", parts}};
}

std::string graphql_filter(const condition& condition) {
  if (condition.is == condition::kind::compare) {
    // GraphQL writes strings, numbers and lists as JSON does, but not the names of its fields.
    const std::string property = condition.property == "_id" ? "id" : condition.property;
    return "{path:" + json::array({property}).dump() +
           ",operator:" + names_of(condition.how).graphql + "," +
           value_field(condition.values_are) + ":" + values_of(condition).dump() + "}";
  }
  std::string operands;
  for (const auto& each : condition.parts) {
    if (!operands.empty()) operands += ',';
    operands += graphql_filter(each);
  }
  const char* name = condition.is == condition::kind::all_of ? "And" : "Or";
  return std::string("{operator:") + name + ",operands:[" + operands + "]}";
}

bool has_none_of(const condition& condition) {
  return condition.is == condition::kind::none_of ||
         std::any_of(condition.parts.begin(), condition.parts.end(), has_none_of);
}

}  // namespace stash::weaviate
