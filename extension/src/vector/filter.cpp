// Parses filters (see filter.hpp).
#include "vector/filter.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <utility>

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

using json = nlohmann::json;
using reason = filter_error::reason;

constexpr int deepest = 32;
constexpr std::size_t most_values = 10'000;

// Numbers as they were written, for a double would lose digits: the parser hands them over as text,
// and they are kept as JSON strings that begin with a byte that no JSON text can hold.
constexpr char number_mark = '\xFF';

class keeping_digits : public nlohmann::detail::json_sax_dom_parser<json> {
 public:
  explicit keeping_digits(json& into) : json_sax_dom_parser(into, true) {}
  bool number_integer(std::int64_t number) { return digits(std::to_string(number)); }
  bool number_unsigned(std::uint64_t number) { return digits(std::to_string(number)); }
  bool number_float(double /*number*/, const std::string& written) { return digits(written); }

 private:
  bool digits(const std::string& written) {
    std::string marked = number_mark + written;
    return json_sax_dom_parser::string(marked);
  }
};

bool is_number(const json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty() &&
         value.get_ref<const std::string&>().front() == number_mark;
}

// The JSON text of a value whose numbers are marked strings.
std::string written(const json& value) {
  if (is_number(value)) return value.get_ref<const std::string&>().substr(1);
  if (!value.is_structured()) return value.dump();
  const bool object = value.is_object();
  std::string text(1, object ? '{' : '[');
  for (const auto& [key, item] : value.items()) {
    if (text.size() > 1) text += ',';
    if (object) text += json(key).dump() + ':';
    text += written(item);
  }
  return text + (object ? '}' : ']');
}

[[noreturn]] void malformed(const std::string& message, std::string hint = {}) {
  throw filter_error(reason::malformed, message, std::move(hint));
}

class parser {
 public:
  filter_node object(const json& value, int depth) {
    if (depth > deepest)
      throw filter_error(reason::too_large, "the filter is nested too deeply",
                         "A filter has at most 32 levels.");
    if (!value.is_object())
      malformed("a filter must be a JSON object", R"(For example {"lang": "en"}.)");
    filter_node all;
    for (const auto& [name, condition] : value.items()) member(name, condition, depth, all.parts);
    return all;
  }

 private:
  void member(const std::string& name, const json& condition, int depth,
              std::vector<filter_node>& into) {
    if (name == "and" || name == "or")
      into.push_back(list_of_filters(name, condition, depth));
    else if (name == "not") {
      filter_node none;
      none.is = filter_node::kind::none_of;
      none.parts.push_back(object(condition, depth + 1));
      into.push_back(std::move(none));
    } else
      about(name, condition, into);
  }

  filter_node list_of_filters(const std::string& name, const json& condition, int depth) {
    if (!condition.is_array())
      malformed("\"" + name + "\" in a filter must be a list of filters",
                "A column of that name cannot be filtered.");
    filter_node list;
    list.is = name == "and" ? filter_node::kind::all_of : filter_node::kind::any_of;
    for (const json& each : condition) list.parts.push_back(object(each, depth + 1));
    return list;
  }

  void about(const std::string& property, const json& condition, std::vector<filter_node>& into) {
    if (property.empty()) malformed("a filter names an empty property");
    if (condition.is_array()) {
      into.push_back(compare(property, comparison::contains_all, "contains_all", condition));
    } else if (condition.is_object()) {
      if (condition.empty())
        malformed("the filter says nothing about \"" + property + "\"", operators_hint());
      for (const auto& [name, operand] : condition.items()) {
        const auto how = operator_named(name);
        if (!how) unknown_operator(property, name);
        into.push_back(compare(property, *how, name, operand));
      }
    } else {
      into.push_back(compare(property, comparison::equal, "eq", condition));
    }
  }

  filter_node compare(const std::string& property, comparison how, const std::string& name,
                      const json& operand) {
    filter_node node;
    node.is = filter_node::kind::compare;
    node.property = property;
    node.how = how;
    if (how == comparison::contains_json) {
      count_value();
      node.json = written(operand);
      return node;
    }
    const bool list =
        how == comparison::in || how == comparison::contains_any || how == comparison::contains_all;
    if (list != operand.is_array())
      malformed("\"" + name + "\" in the filter of \"" + property + "\" takes " +
                (list ? "a list of values" : "one value"));
    if (list)
      for (const json& each : operand) node.values.push_back(value(property, name, each));
    else
      node.values.push_back(value(property, name, operand));
    check_values(node, name);
    return node;
  }

  static void check_values(const filter_node& node, const std::string& name) {
    const bool any_value = node.how == comparison::equal || node.how == comparison::not_equal;
    const bool ordered = !any_value && node.how < comparison::in;
    for (const filter_value& each : node.values) {
      if (each.is == filter_value::kind::null && !any_value)
        malformed("\"" + name + "\" in the filter of \"" + node.property + "\" takes no null",
                  R"({"eq": null} finds what is not there.)");
      if (each.is == filter_value::kind::boolean && ordered)
        malformed("\"" + name + "\" in the filter of \"" + node.property +
                  "\" takes a number or a string");
    }
  }

  filter_value value(const std::string& property, const std::string& name, const json& given) {
    count_value();
    if (is_number(given))
      return {filter_value::kind::number, given.get_ref<const std::string&>().substr(1)};
    if (given.is_string()) return {filter_value::kind::text, given.get<std::string>()};
    if (given.is_boolean()) return {filter_value::kind::boolean, given.dump()};
    if (given.is_null()) return {filter_value::kind::null, {}};
    malformed("\"" + name + "\" in the filter of \"" + property + "\" takes no " +
                  (given.is_array() ? "list" : "object"),
              R"("contains" compares jsonb with any JSON.)");
  }

  void count_value() {
    if (++values_ > most_values)
      throw filter_error(reason::too_large, "the filter has too many values",
                         "A filter has at most 10000.");
  }

  static std::optional<comparison> operator_named(const std::string& name) {
    static constexpr std::array<std::pair<std::string_view, comparison>, 10> operators{{
        {"eq", comparison::equal},
        {"ne", comparison::not_equal},
        {"lt", comparison::less},
        {"lte", comparison::less_equal},
        {"gt", comparison::greater},
        {"gte", comparison::greater_equal},
        {"in", comparison::in},
        {"contains_any", comparison::contains_any},
        {"contains_all", comparison::contains_all},
        {"contains", comparison::contains_json},
    }};
    for (const auto& [known, how] : operators)
      if (known == name) return how;
    return std::nullopt;
  }

  [[noreturn]] static void unknown_operator(const std::string& property, const std::string& name) {
    std::string message = "unknown operator \"";
    message.append(name).append("\" in the filter of \"").append(property).append("\"");
    malformed(message, operators_hint());
  }

  static std::string operators_hint() {
    return "Operators are eq, ne, lt, lte, gt, gte, in, contains_any, contains_all and contains.";
  }

  std::size_t values_ = 0;
};

}  // namespace

filter_node parse_filter(std::string_view text) {
  json parsed;
  keeping_digits handler(parsed);
  try {
    json::sax_parse(text, &handler);
  } catch (const json::out_of_range&) {
    malformed("the filter holds a number beyond double precision");
  } catch (const json::exception&) {
    malformed("a filter must be valid JSON");
  }
  return parser().object(parsed, 1);
}

std::string json_of(const filter_value& value) {
  switch (value.is) {
    case filter_value::kind::text:
      return json(value.text).dump();
    case filter_value::kind::null:
      return "null";
    case filter_value::kind::number:
    case filter_value::kind::boolean:
      break;
  }
  return value.text;
}

}  // namespace stash::vectors
