// See filter_sql.hpp. Operators and types carry their schema, so no search_path matters.
//
// AND and OR of comparisons are true for the same rows whether a NULL counts as NULL or as false.
// Only under NOT does it matter, so there, and for ne, the text says IS NOT TRUE.
#include "vector/filter_sql.hpp"

#include <algorithm>

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

using reason = filter_error::reason;
using kind = filter_value::kind;

std::string op(std::string_view name) { return " OPERATOR(pg_catalog." + std::string(name) + ") "; }

std::string_view order_operator(comparison how) {
  switch (how) {
    case comparison::less:
      return "<";
    case comparison::less_equal:
      return "<=";
    case comparison::greater:
      return ">";
    case comparison::greater_equal:
      return ">=";
    default:
      return "=";
  }
}

class translator {
 public:
  translator(std::span<const filter_column> columns, std::vector<std::string>& parameters)
      : columns_(columns), parameters_(parameters) {}

  std::string of(const filter_node& node) {
    switch (node.is) {
      case filter_node::kind::all_of:
        return joined(node.parts, " AND ", "true");
      case filter_node::kind::any_of:
        return joined(node.parts, " OR ", "false");
      case filter_node::kind::none_of:
        return "(" + joined(node.parts, " OR ", "false") + ") IS NOT TRUE";
      case filter_node::kind::compare:
        break;
    }
    return comparison_of(node);
  }

 private:
  std::string joined(const std::vector<filter_node>& parts, const char* between,
                     const char* nothing) {
    std::string text;
    for (const filter_node& each : parts) {
      if (!text.empty()) text += between;
      text += "(" + of(each) + ")";
    }
    return text.empty() ? nothing : text;
  }

  std::string parameter(std::string text, std::string_view type) {
    parameters_.push_back(std::move(text));
    return "CAST(($1)[" + std::to_string(parameters_.size()) + "] AS " + std::string(type) + ")";
  }

  // The column that a property names, or the jsonb column that its part before the first dot does.
  const filter_column& column_of(const std::string& property, std::string* path) const {
    const auto named = [&](std::string_view name) {
      return std::find_if(columns_.begin(), columns_.end(),
                          [&](const filter_column& each) { return each.name == name; });
    };
    auto found = named(property);
    if (found != columns_.end()) return *found;
    const std::size_t dot = property.find('.');
    if (dot != std::string::npos) found = named(std::string_view(property).substr(0, dot));
    if (found == columns_.end())
      throw filter_error(reason::unknown, "there is no property \"" + property + "\" to filter by");
    if (found->values != column_class::json || found->list)
      throw filter_error(
          reason::mismatched,
          "\"" + std::string(found->name) + "\" has no \"" + property.substr(dot + 1) + "\"",
          "Only columns of type jsonb have members.");
    *path = property.substr(dot + 1);
    return *found;
  }

  std::string comparison_of(const filter_node& node) {
    std::string path;
    const filter_column& column = column_of(node.property, &path);
    if (column.values == column_class::json && !column.list)
      return json_comparison(node, column, path);
    if (node.how == comparison::contains_json)
      throw filter_error(reason::mismatched,
                         "\"contains\" cannot be asked of \"" + node.property + "\"",
                         "It is for columns of type jsonb; lists have contains_all.");
    if (column.list) return list_comparison(node, column);
    return scalar_comparison(node, column);
  }

  std::string scalar_comparison(const filter_node& node, const filter_column& column) {
    const std::string name(column.reference);
    switch (node.how) {
      case comparison::contains_any:
      case comparison::contains_all:
        throw filter_error(reason::mismatched, "\"" + node.property + "\" is no list",
                           R"({"in": [...]} compares one value with several.)");
      case comparison::in: {
        std::string values;
        for (const filter_value& each : node.values)
          values += (values.empty() ? "" : ", ") + typed(each, column, node.property);
        return values.empty() ? "false"
                              : compared(column) + op("=") + "ANY (ARRAY[" + values + "])";
      }
      default:
        break;
    }
    const filter_value& value = node.values.front();
    if (value.is == kind::null)
      return name + (node.how == comparison::equal ? " IS NULL" : " IS NOT NULL");
    const std::string text =
        compared(column) + op(order_operator(node.how)) + typed(value, column, node.property);
    return node.how == comparison::not_equal ? "(" + text + ") IS NOT TRUE" : text;
  }

  static std::string compared(const filter_column& column) {
    std::string name(column.reference);
    return column.values == column_class::exact_number ? name + "::pg_catalog.numeric" : name;
  }

  std::string typed(const filter_value& value, const filter_column& column,
                    const std::string& property) {
    check_type(value, column, property);
    const bool numeric = column.values == column_class::exact_number && !column.list;
    return parameter(value.text, numeric ? "pg_catalog.numeric" : column.type);
  }

  static void check_type(const filter_value& value, const filter_column& column,
                         const std::string& property) {
    kind wanted = kind::text;
    const char* what = "a string";
    if (column.values == column_class::boolean) {
      wanted = kind::boolean;
      what = "true or false";
    } else if (column.values == column_class::exact_number ||
               column.values == column_class::float_number) {
      wanted = kind::number;
      what = "a number";
    }
    if (value.is != wanted)
      throw filter_error(reason::mismatched, "the filter compares \"" + property + "\" with " +
                                                 json_of(value) + ", but it takes " + what);
  }

  std::string list_comparison(const filter_node& node, const filter_column& column) {
    const std::string name(column.reference);
    const bool ordered = node.how != comparison::equal && node.how != comparison::not_equal &&
                         node.how < comparison::in;
    if (ordered)
      throw filter_error(reason::mismatched, "the list \"" + node.property + "\" has no order",
                         "Lists are compared by contains_any and contains_all.");
    if (!node.values.empty() && node.values.front().is == kind::null)
      return name + (node.how == comparison::equal ? " IS NULL" : " IS NOT NULL");
    std::string values;
    for (const filter_value& each : node.values)
      values += (values.empty() ? "" : ", ") + typed(each, column, node.property);
    const bool any = node.how == comparison::in || node.how == comparison::contains_any;
    const std::string text = name + op(any ? "&&" : "@>") + "CAST(ARRAY[" + values + "] AS " +
                             std::string(column.type) + "[])";
    return node.how == comparison::not_equal ? "(" + text + ") IS NOT TRUE" : text;
  }

  // What lies at the path, of type jsonb.
  std::string json_at(const filter_column& column, const std::string& path) {
    std::string text = std::string(column.reference) + "::pg_catalog.jsonb";
    for (std::size_t begin = 0; !path.empty() && begin <= path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      text.insert(0, "(").append(op("->"));
      text.append(parameter(path.substr(begin, end - begin), "pg_catalog.text")).append(")");
      begin = end + 1;
    }
    return text;
  }

  std::string json_comparison(const filter_node& node, const filter_column& column,
                              const std::string& path) {
    const std::string what = json_at(column, path);
    const auto contains = [&](std::string json) {
      return what + op("@>") + parameter(std::move(json), "pg_catalog.jsonb");
    };
    switch (node.how) {
      case comparison::contains_json:
        return contains(node.json);
      case comparison::equal:
      case comparison::not_equal: {
        const bool null = node.values.front().is == kind::null;
        const std::string equal =
            null ? what + " IS NULL OR " + what + op("=") + parameter("null", "pg_catalog.jsonb")
                 : contains(json_of(node.values.front()));
        return node.how == comparison::equal ? equal : "(" + equal + ") IS NOT TRUE";
      }
      case comparison::in:
      case comparison::contains_any:
      case comparison::contains_all:
        return json_list(node, contains);
      default:
        break;
    }
    // jsonb has an order of all types; only values of the same one are compared here.
    const filter_value& value = node.values.front();
    const char* type = value.is == kind::number ? "'number'" : "'string'";
    return "pg_catalog.jsonb_typeof(" + what + ")" + op("=") + type + " AND " + what +
           op(order_operator(node.how)) + parameter(json_of(value), "pg_catalog.jsonb");
  }

  template <typename Contains>
  static std::string json_list(const filter_node& node, const Contains& contains) {
    const bool all = node.how == comparison::contains_all;
    std::string text;
    for (const filter_value& each : node.values) {
      if (!text.empty()) text += all ? " AND " : " OR ";
      text += "(" + contains(json_of(each)) + ")";
    }
    if (!text.empty()) return text;
    return all ? contains("[]") : "false";
  }

  std::span<const filter_column> columns_;
  std::vector<std::string>& parameters_;
};

}  // namespace

std::string filter_predicate(const filter_node& filter, std::span<const filter_column> columns,
                             std::vector<std::string>& parameters) {
  return translator(columns, parameters).of(filter);
}

}  // namespace stash::vectors
