// What the calls of embeddings and of synchronised tables take and return.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stash/parameters.hpp"

namespace stash {

/// How far apart embeddings are. cosine: 1 − cos; inner_product: minus it; l2: Euclidean;
/// l2_squared: its square.
enum class vector_metric { cosine, inner_product, l2, l2_squared };

/// What search_local() looks through, and what it returns.
struct local_search_options {
  /// 1 to 10000.
  int max_rows = 10;
  /// Which rows count, as docs/search.md describes it.
  std::optional<json> filter = {};
  /// See vector_metric.
  vector_metric metric = vector_metric::cosine;
  /// Rows that are farther away are left out.
  std::optional<double> max_distance = {};
  /// The columns in vector_hit::properties; unset: all but the embedding.
  std::optional<std::vector<std::string>> properties = {};
};

/// What search() looks for, and what it returns.
struct vector_search_options {
  /// 1 to 10000.
  int max_rows = 10;
  /// Which rows count, as docs/vectors.md describes it.
  std::optional<json> filter = {};
  /// Of a table with a tenant column.
  std::optional<std::string> tenant = {};
  /// Words to find as well.
  std::optional<std::string> query = {};
  /// With words: how much the embedding counts against them, 0 to 1.
  double alpha = 0.5;
  /// Rows that are farther away are left out.
  std::optional<double> max_distance = {};
  /// Of a table that feeds several; unset: the oldest that fits.
  std::optional<std::string> collection = {};
  /// Of several embeddings the one to compare with; unset: the first.
  std::optional<std::string> embedding_column = {};
};

/// A row that was found.
struct vector_hit {
  /// Its primary key as an object of columns; null where there is none.
  json id;
  /// Nothing when it was found by words alone.
  std::optional<double> distance = {};
  /// The more the better.
  double score = 0;
  /// Its columns as an object: properties.get<T>() makes a T of it.
  json properties;
  /// Who answered: local or weaviate.
  std::string engine;
};

/// How a table is kept in step with a collection of Weaviate.
struct vector_sync_options {
  /// Columns that go with the embedding.
  std::vector<std::string> properties = {};
  /// Unset: named as the table.
  std::optional<std::string> collection = {};
  /// Turns multi-tenancy on.
  std::optional<std::string> tenant_column = {};
  /// An object with the server's options: distance, index, consistency, replication_factor,
  /// backfill, vectors, names (docs/vectors.md).
  json more = json::object();
};

/// A synchronised table, and how far it is.
struct vector_sync_state {
  std::string relation;
  std::string collection;
  /// running, backfill, sweep, paused, blocked, held back, server down, no worker.
  std::string state;
  /// Of blocked and held back.
  std::optional<std::string> reason = {};
  /// Committed changes that are not there yet, and how old the oldest of them is, since when.
  std::int64_t pending = 0;
  std::optional<seconds> lag = {};
  std::optional<time_point> oldest = {};
  /// Keys that are tried again, and those that were given up.
  std::int64_t retrying = 0, dead = 0;
  /// Objects since the worker began; nothing when it tells nothing.
  std::optional<std::int64_t> sent = {}, deleted = {};
  /// Objects a second.
  std::optional<double> rate = {};
  std::optional<time_point> last_sent_at = {};
  /// State of the circuit breaker.
  std::optional<std::string> breaker = {};
  std::optional<std::string> last_error = {};
  std::optional<time_point> last_error_at = {};
};

/// Where a collection and its table are not in step.
struct vector_difference {
  std::string collection;
  /// missing: a row without its object; different; foreign: an object without a row.
  std::string difference;
  /// The primary key, as text; nothing for an object that is none of this table.
  std::optional<std::string> key = {};
  std::optional<std::string> tenant = {};
  /// The object's id.
  std::optional<std::string> object = {};
  std::optional<std::string> detail = {};
};

/// A row that Weaviate cannot hold, or refused.
struct dead_letter {
  std::string relation;
  std::string collection;
  std::optional<std::string> tenant = {};
  /// The primary key, as text.
  std::string key;
  std::string error;
  int attempts = 0;
  time_point failed_at;
};

}  // namespace stash
