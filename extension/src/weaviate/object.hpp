// What is written to Weaviate, as its codecs see it.
//
// Nothing here owns memory but ids: texts and arrays are borrowed from wherever the row was read,
// and every type is trivially destructible, so that a PostgreSQL error may jump over them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "weaviate/uuid.hpp"

namespace stash::weaviate {

// The types of properties. Arrays follow their elements in the same order.
enum class property_type : std::uint8_t {
  text,
  integer,  // "int": a double inside, exact to 2^53 either way
  number,
  boolean,
  date,  // RFC 3339
  uuid,
  text_array,
  integer_array,
  number_array,
  boolean_array,
  date_array,
  uuid_array,
};

// A property that has a value; one that has none (NULL) is left out of its object. Only the member
// that its type names counts.
struct property {
  std::string_view name;
  property_type type = property_type::text;
  std::string_view text;  // text, date, uuid
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::span<const std::string_view> texts;  // arrays of text, date, uuid
  std::span<const std::int64_t> integers;
  std::span<const double> numbers;
  std::span<const bool> booleans;
};

struct named_vector {
  std::string_view name;  // empty: the collection's only, unnamed vector
  std::span<const float> values;
};

struct object {
  std::string_view collection;
  std::string_view tenant;  // empty: the collection has none
  weaviate::uuid id;
  std::span<const property> properties;
  std::span<const named_vector> vectors;
};

// How many replicas must have written, or answered, before the server says so.
enum class consistency : std::uint8_t { one, quorum, all };

// How a server is spoken to. Connect: JSON over its gRPC interface, from 1.38.3 on. REST: batches
// of JSON objects, with GraphQL for searches.
enum class dialect : std::uint8_t { connect, rest };

}  // namespace stash::weaviate
