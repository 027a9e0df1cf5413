// Values of PostgreSQL as vectors and properties of Weaviate.
//
// | PostgreSQL | Weaviate |
// |---|---|
// | smallint, integer, bigint within ±2^53 | int |
// | real, double precision, numeric | number |
// | boolean | boolean |
// | date, timestamp, timestamptz, years 1 to 9999 | date (without a zone: taken as UTC) |
// | uuid | uuid |
// | text, varchar, char, name, enums, json, jsonb | text |
// | arrays of these, flattened | their lists |
//
// What cannot be sent is a fault of its row: a text that says why. Results live in the present
// memory context.
#pragma once

#include "weaviate/object.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// Text in UTF-8; a fault when it is none.
const char* utf8_text(const char* text, std::size_t size, std::string_view* result);

// Text in UTF-8, of which nothing is known but that, in the database's encoding; empty when that
// has no such text.
const char* database_text(std::string_view utf8);

// `property->name` is the caller's. The value is not NULL.
const char* property_value(Datum value, Oid type, weaviate::property* property);

// real[] or double precision[]; the value is not NULL.
const char* vector_value(Datum value, Oid type, std::span<const float>* result);

}  // namespace stash
