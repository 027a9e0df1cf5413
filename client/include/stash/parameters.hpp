// The parameters of a statement, encoded as the server reads them.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stash/export.hpp"
#include "stash/secret.hpp"
#include "stash/short_vector.hpp"

namespace stash {

namespace detail {
class pipeline_exchange;
}

using json = nlohmann::json;
using clock = std::chrono::system_clock;
using time_point = clock::time_point;
/// Durations of the API, in seconds; infinity is "never".
using seconds = std::chrono::duration<double>;

/// Values in the order $1, $2, …; every add() appends one. Texts are copied.
class STASH_API parameters {
 public:
  /// text, bigint, integer, double precision, boolean, jsonb, timestamptz, bytea and their arrays,
  /// by the type of the value.
  parameters& add(std::string_view text);
  parameters& add(const char* text) { return add(std::string_view(text)); }
  parameters& add(const std::string& text) { return add(std::string_view(text)); }
  parameters& add(std::int64_t number);
  parameters& add(std::int32_t number);
  parameters& add(double number);
  parameters& add(bool value);
  parameters& add(seconds duration) { return add(duration.count()); }
  parameters& add(const json& value);
  parameters& add(time_point moment);
  parameters& add(std::span<const std::byte> bytes);
  parameters& add(std::span<const std::string> texts);
  parameters& add(std::span<const json> values);
  parameters& add(std::span<const double> numbers);
  /// A real[], as embeddings are; half the bytes of a double precision[].
  parameters& add(std::span<const float> numbers);
  parameters& add(const secret& text) { return add(text.reveal()); }
  /// NULL of a type that the server chooses.
  parameters& add(std::nullopt_t);
  template <typename T>
  parameters& add(const std::optional<T>& value) {
    if (value) return add(*value);
    // The type of what is missing, so that a statement prepared with NULL fits a value later.
    return add(T{}).last_is_null();
  }
  template <typename T>
  parameters& add(const std::vector<T>& values) {
    return add(std::span<const T>(values));
  }
  /// A JSON text as jsonb, without parsing it here.
  parameters& add_json_text(std::string_view text);
  /// A uuid or an inet address, which the server reads as text.
  parameters& add_as(std::string_view text, unsigned type);
  /// A uuid[]. Error: usage_error.
  parameters& add_uuids(std::span<const std::string> ids);

  /// Adds all of another.
  parameters& append_all(const parameters& others);
  /// Forgets them all.
  void clear();
  /// How many there are.
  [[nodiscard]] int count() const { return static_cast<int>(values_.size()); }
  /// How many bytes they have together.
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }
  /// The OID of a parameter's type, counted from 0; 0 leaves the choice to the server.
  [[nodiscard]] unsigned type(int index) const { return at(index).type; }
  /// What is sent for it; nothing for NULL.
  [[nodiscard]] std::optional<std::string_view> bytes(int index) const {
    const value& one = at(index);
    if (one.length < 0) return std::nullopt;
    return std::string_view(buffer_.data() + one.offset, static_cast<std::size_t>(one.length));
  }

 private:
  friend class connection;
  friend class detail::pipeline_exchange;
  struct value {
    unsigned type;
    std::size_t offset;
    int length;  // −1: NULL
    int format;  // 0 text, 1 binary
  };
  [[nodiscard]] const value& at(int index) const {
    if (index < 0 || index >= count()) throw_no_such(index);
    return values_[static_cast<std::size_t>(index)];
  }
  [[noreturn]] static void throw_no_such(int index);
  parameters& append(unsigned type, std::string_view bytes, int format);
  parameters& last_is_null();

  detail::short_vector<char, 64> buffer_;
  detail::short_vector<value, 4> values_;
};

/// Types that have no C++ type of their own here.
inline constexpr unsigned uuid_type = 2950;
inline constexpr unsigned inet_type = 869;
inline constexpr unsigned interval_type = 1186;

}  // namespace stash
