// See filter_weaviate.hpp.
#include "vector/filter_weaviate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "weaviate/uuid.hpp"

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

using weaviate::condition;
using weaviate::match;
using weaviate::value_kind;
using result = weaviate_filter::result;

// Which way a translation may be wrong: let through more than the filter, or less.
enum class side { over, under };

side other(side of) { return of == side::over ? side::under : side::over; }

weaviate_filter constant(bool all) {
  return {all ? result::everything : result::nothing, true, {}};
}

// What is known of a condition that cannot be sent.
weaviate_filter unknown(side wanted) {
  weaviate_filter any = constant(wanted == side::over);
  any.exact = false;
  return any;
}

weaviate_filter one(std::string_view name, match how, value_kind kind, std::string value,
                    bool exact) {
  weaviate_filter made{result::some, exact, {}};
  made.condition.property = name;
  made.condition.how = how;
  made.condition.values_are = kind;
  made.condition.values.push_back(std::move(value));
  return made;
}

// All of them (`all`), or any of them.
weaviate_filter combine(std::vector<weaviate_filter> parts, bool all) {
  weaviate_filter made{result::some, true, {}};
  made.condition.is = all ? condition::kind::all_of : condition::kind::any_of;
  // What one part alone decides.
  const result decisive = all ? result::nothing : result::everything;
  for (weaviate_filter& part : parts) {
    made.exact = made.exact && part.exact;
    if (part.is == result::some) made.condition.parts.push_back(std::move(part.condition));
  }
  const auto decided = std::find_if(parts.begin(), parts.end(),
                                    [&](const auto& part) { return part.is == decisive; });
  if (decided != parts.end()) return {decisive, decided->exact, {}};
  if (made.condition.parts.empty()) {
    made.is = all ? result::everything : result::nothing;
  } else if (made.condition.parts.size() == 1) {
    condition only = std::move(made.condition.parts.front());
    made.condition = std::move(only);
  }
  return made;
}

weaviate_filter negate(weaviate_filter inner, side wanted, bool knows_not) {
  if (inner.is != result::some) {
    inner.is = inner.is == result::everything ? result::nothing : result::everything;
    return inner;
  }
  if (!knows_not) return unknown(wanted);
  weaviate_filter made{result::some, inner.exact, {}};
  made.condition.is = condition::kind::none_of;
  made.condition.parts.push_back(std::move(inner.condition));
  return made;
}

std::optional<double> number_of(const filter_value& value) {
  if (value.is != filter_value::kind::number) return std::nullopt;
  const auto parsed = nlohmann::json::parse(value.text, nullptr, false);
  if (!parsed.is_number()) return std::nullopt;
  const double number = parsed.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::string digits_of(double number) { return nlohmann::json(number).dump(); }

// Whether a text has a word that no server skips: letters or digits of ASCII that are none of the
// standard English stopwords. Quotes, backslashes and control characters may be stored otherwise
// than they are asked for, for jsonb is sent as its text.
bool has_words(std::string_view text) {
  static constexpr std::array<std::string_view, 33> skipped{
      "a",  "an",   "and", "are",   "as",   "at",    "be",    "but",  "by",   "for", "if",
      "in", "into", "is",  "it",    "no",   "not",   "of",    "on",   "or",   "s",   "such",
      "t",  "that", "the", "their", "then", "there", "these", "they", "this", "to",  "was"};
  static constexpr std::array<std::string_view, 2> more_skipped{"will", "with"};
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
      }))
    return false;
  std::string word;
  const auto counts = [&] {
    const auto is_word = [&](std::string_view each) { return each == word; };
    return !word.empty() && std::none_of(skipped.begin(), skipped.end(), is_word) &&
           std::none_of(more_skipped.begin(), more_skipped.end(), is_word);
  };
  for (const char c : text) {
    // Part of a longer word that is not ASCII: as good as any.
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (letter) {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      continue;
    }
    if (counts() && static_cast<unsigned char>(word.front()) < 0x80) return true;
    word.clear();
  }
  return counts() && static_cast<unsigned char>(word.front()) < 0x80;
}

// A moment so many days from the date that a text begins with, as RFC 3339; nothing for a text that
// PostgreSQL might read as another date, or one outside the years 1 to 9999.
std::optional<std::string> days_from(std::string_view text, int days) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int length = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &length) != 3 ||
      length != 10 || copy.find_first_not_of("0123456789:.TtZz+- ", 10) != std::string::npos)
    return std::nullopt;
  const std::chrono::year_month_day given{std::chrono::year(year), std::chrono::month(month),
                                          std::chrono::day(day)};
  if (!given.ok()) return std::nullopt;
  const std::chrono::year_month_day moved(std::chrono::sys_days(given) + std::chrono::days(days));
  const int moved_year = static_cast<int>(moved.year());
  if (moved_year < 1 || moved_year > 9999) return std::nullopt;
  std::array<char, 48> written;
  std::snprintf(written.data(), written.size(), "%04d-%02u-%02uT00:00:00Z", moved_year,
                static_cast<unsigned>(moved.month()), static_cast<unsigned>(moved.day()));
  return written.data();
}

bool asks_less(comparison how) { return how == comparison::less || how == comparison::less_equal; }

// Whole numbers on both sides: n < 5.5 is n <= 5.
weaviate_filter compare_integer(std::string_view name, comparison how, const filter_value& value,
                                side wanted) {
  const auto number = number_of(value);
  if (!number || std::abs(*number) >= 9007199254740992.0) return unknown(wanted);
  const bool whole = std::floor(*number) == *number;
  if (how == comparison::equal && !whole) return constant(false);
  match sent = match::equal;
  double bound = *number;
  if (how != comparison::equal) {
    const bool less = asks_less(how);
    const bool strict = whole && (how == comparison::less || how == comparison::greater);
    bound = less ? std::floor(bound) : std::ceil(bound);
    sent = less ? (strict ? match::less : match::less_equal)
                : (strict ? match::greater : match::greater_equal);
  }
  return one(name, sent, value_kind::integer, std::to_string(static_cast<std::int64_t>(bound)),
             true);
}

// A column of real, or of numeric, may have been rounded on its way.
weaviate_filter compare_number(std::string_view name, comparison how, const filter_value& value,
                               side wanted) {
  const auto number = number_of(value);
  const double wider = number ? std::abs(*number) * 1e-6 + 1e-37 : 0;
  if (!number || wanted == side::under || !std::isfinite(*number + wider) ||
      !std::isfinite(*number - wider))
    return unknown(wanted);
  std::vector<weaviate_filter> bounds;
  if (how == comparison::equal || asks_less(how))
    bounds.push_back(
        one(name, match::less_equal, value_kind::number, digits_of(*number + wider), false));
  if (how == comparison::equal || !asks_less(how))
    bounds.push_back(
        one(name, match::greater_equal, value_kind::number, digits_of(*number - wider), false));
  return combine(std::move(bounds), true);
}

// No zone is more than a day away.
weaviate_filter compare_date(std::string_view name, comparison how, const filter_value& value,
                             side wanted) {
  if (value.is != filter_value::kind::text || wanted == side::under) return unknown(wanted);
  const auto before = days_from(value.text, -1);
  const auto after = days_from(value.text, 2);
  if (!before || !after) return unknown(wanted);
  std::vector<weaviate_filter> bounds;
  if (how == comparison::equal || asks_less(how))
    bounds.push_back(one(name, match::less_equal, value_kind::text, *after, false));
  if (how == comparison::equal || !asks_less(how))
    bounds.push_back(one(name, match::greater_equal, value_kind::text, *before, false));
  return combine(std::move(bounds), true);
}

// One value against a property, or against the elements of one that is a list.
weaviate_filter compare_value(std::string_view name, std::string_view type, comparison how,
                              const filter_value& value, side wanted) {
  if (type == "int") return compare_integer(name, how, value, wanted);
  if (type == "number") return compare_number(name, how, value, wanted);
  if (type == "date") return compare_date(name, how, value, wanted);
  if (how != comparison::equal) return unknown(wanted);
  if (type == "boolean" && value.is == filter_value::kind::boolean)
    return one(name, match::equal, value_kind::boolean, value.text, true);
  if (value.is != filter_value::kind::text) return unknown(wanted);
  if (type == "uuid") {
    const auto id = weaviate::uuid_from_text(value.text);
    return id ? one(name, match::equal, value_kind::text, weaviate::to_string(*id), true)
              : unknown(wanted);
  }
  if (type != "text" || wanted == side::under || !has_words(value.text)) return unknown(wanted);
  return one(name, match::equal, value_kind::text, value.text, false);
}

class translation {
 public:
  translation(std::span<const indexed_property> properties, bool knows_not)
      : properties_(properties), knows_not_(knows_not) {}

  weaviate_filter of(const filter_node& node, side wanted) const {  // NOLINT(misc-no-recursion)
    switch (node.is) {
      case filter_node::kind::all_of:
      case filter_node::kind::any_of:
        return combine(each_of(node, wanted), node.is == filter_node::kind::all_of);
      case filter_node::kind::none_of:
        return negate(combine(each_of(node, other(wanted)), false), wanted, knows_not_);
      case filter_node::kind::compare:
        break;
    }
    return comparison_of(node, wanted);
  }

 private:
  std::span<const indexed_property> properties_;
  bool knows_not_;

  std::vector<weaviate_filter> each_of(const filter_node& node,  // NOLINT(misc-no-recursion)
                                       side wanted) const {
    std::vector<weaviate_filter> parts;
    for (const filter_node& each : node.parts) parts.push_back(of(each, wanted));
    return parts;
  }

  weaviate_filter comparison_of(const filter_node& node, side wanted) const {
    const auto found = std::find_if(properties_.begin(), properties_.end(),
                                    [&](const auto& each) { return each.column == node.property; });
    if (found == properties_.end() || node.how == comparison::contains_json) return unknown(wanted);
    std::string_view type = found->type;
    const bool list = type.ends_with("[]");
    if (list) type.remove_suffix(2);
    const bool asks_list =
        node.how == comparison::contains_any || node.how == comparison::contains_all;
    if (list != asks_list) return unknown(wanted);
    const bool negated = node.how == comparison::not_equal;
    const bool one_of_many = asks_list || node.how == comparison::in;
    const comparison how = one_of_many || negated ? comparison::equal : node.how;
    const side sought = negated ? other(wanted) : wanted;
    std::vector<weaviate_filter> parts;
    for (const filter_value& value : node.values) {
      if (value.is == filter_value::kind::null) return unknown(wanted);
      parts.push_back(compare_value(found->name, type, how, value, sought));
    }
    const bool all = node.how == comparison::contains_all;
    weaviate_filter made = combine(std::move(parts), all);
    return negated ? negate(std::move(made), wanted, knows_not_) : made;
  }
};

}  // namespace

weaviate_filter filter_for_weaviate(const filter_node& filter,
                                    std::span<const indexed_property> properties, bool knows_not) {
  return translation(properties, knows_not).of(filter, side::over);
}

}  // namespace stash::vectors
