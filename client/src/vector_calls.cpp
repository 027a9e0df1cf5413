// See stash/vector_calls.hpp.
#include "stash/vector_calls.hpp"

#include "decode.hpp"
#include "values.hpp"

namespace stash::calls {
namespace {

using decode::changes;
using decode::every_row;
using decode::optional_document;
using decode::optional_moment;
using decode::optional_number;
using decode::optional_text;
using decode::reads;

const char* name_of(vector_metric metric) {
  switch (metric) {
    case vector_metric::inner_product:
      return "inner_product";
    case vector_metric::l2:
      return "l2";
    case vector_metric::l2_squared:
      return "l2-squared";
    default:
      return "cosine";
  }
}

#define HIT_COLUMNS "id, distance, score, properties, engine"

std::vector<vector_hit> read_hits(const result& rows) {
  return every_row<vector_hit>(rows, [](const result& from, int row) {
    return vector_hit{optional_document(from, row, 0), optional_number(from, row, 1),
                      from.number(row, 2), optional_document(from, row, 3), from.text(row, 4)};
  });
}

vector_sync_state read_state(const result& rows, int row) {
  vector_sync_state found;
  found.relation = rows.text(row, 0);
  found.collection = rows.text(row, 1);
  found.state = rows.text(row, 2);
  found.reason = optional_text(rows, row, 3);
  found.pending = rows.integer(row, 4);
  if (!rows.is_null(row, 5)) found.lag = seconds{rows.number(row, 5)};
  found.oldest = optional_moment(rows, row, 6);
  found.retrying = rows.integer(row, 7);
  found.dead = rows.integer(row, 8);
  if (!rows.is_null(row, 9)) found.sent = rows.integer(row, 9);
  if (!rows.is_null(row, 10)) found.deleted = rows.integer(row, 10);
  found.rate = optional_number(rows, row, 11);
  found.last_sent_at = optional_moment(rows, row, 12);
  found.breaker = optional_text(rows, row, 13);
  found.last_error = optional_text(rows, row, 14);
  found.last_error_at = optional_moment(rows, row, 15);
  return found;
}

vector_difference read_difference(const result& rows, int row) {
  return {rows.text(row, 0),
          rows.text(row, 1),
          optional_text(rows, row, 2),
          optional_text(rows, row, 3),
          decode::optional_uuid(rows, row, 4),
          optional_text(rows, row, 5)};
}

dead_letter read_dead_letter(const result& rows, int row) {
  return {rows.text(row, 0),  rows.text(row, 1), optional_text(rows, row, 2),
          rows.text(row, 3),  rows.text(row, 4), static_cast<int>(rows.integer(row, 5)),
          rows.moment(row, 6)};
}

}  // namespace

call<double> vector_distance(std::span<const float> a, std::span<const float> b,
                             vector_metric metric) {
  return {{"SELECT stash.vector_distance($1, $2, $3)", values::of(a, b, name_of(metric)), reads},
          [](const result& rows) { return rows.number(0, 0); }};
}

call<std::vector<vector_hit>> vector_search_local(std::string_view relation,
                                                  std::string_view embedding_column,
                                                  std::span<const float> embedding,
                                                  const local_search_options& options) {
  return {{"SELECT " HIT_COLUMNS
           " FROM stash.vector_search_local($1::text::regclass, $2, $3, $4, $5, $6, $7, $8)",
           values::of(relation, embedding_column, embedding, std::int32_t{options.max_rows},
                      options.filter, name_of(options.metric), options.max_distance,
                      options.properties),
           reads},
          read_hits};
}

call<std::vector<vector_hit>> vector_search(std::string_view relation,
                                            std::span<const float> embedding,
                                            const vector_search_options& options) {
  return {{"SELECT " HIT_COLUMNS
           " FROM stash.vector_search($1::text::regclass, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
           values::of(relation, embedding, std::int32_t{options.max_rows}, options.filter,
                      options.tenant, options.query, options.alpha, options.max_distance,
                      options.collection, options.embedding_column),
           reads},
          read_hits};
}

call<std::optional<std::string>> vector_property_type(std::string_view type) {
  return {{"SELECT stash.vector_property_type($1::text::regtype)", values::of(type), reads},
          [](const result& rows) { return optional_text(rows, 0, 0); }};
}

call<void> vector_sync_enable(std::string_view relation,
                              const std::optional<std::string>& embedding_column,
                              const vector_sync_options& options) {
  return {{"SELECT stash.vector_sync_enable($1::text::regclass, $2, $3, $4, $5, $6)",
           values::of(relation, embedding_column, options.properties, options.collection,
                      options.tenant_column, options.more),
           changes},
          decode::nothing};
}

call<std::int64_t> vector_sync_disable(std::string_view relation,
                                       const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_sync_disable($1::text::regclass, $2)",
           values::of(relation, collection), changes},
          decode::integer};
}

call<void> vector_sync_pause(std::string_view relation,
                             const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_sync_pause($1::text::regclass, $2)",
           values::of(relation, collection), changes},
          decode::nothing};
}

call<void> vector_sync_resume(std::string_view relation,
                              const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_sync_resume($1::text::regclass, $2)",
           values::of(relation, collection), changes},
          decode::nothing};
}

call<std::vector<vector_sync_state>> vector_sync_status() {
  return {{"SELECT relation::text, collection, state, reason, pending,"
           " extract(epoch FROM lag)::float8, oldest, retrying, dead, sent, deleted, rate,"
           " last_sent_at, breaker, last_error, last_error_at FROM stash.vector_sync_status()",
           {},
           reads},
          [](const result& rows) { return every_row(rows, read_state); }};
}

call<void> vector_backfill(std::string_view relation,
                           const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_backfill($1::text::regclass, $2)", values::of(relation, collection),
           changes},
          decode::nothing};
}

call<std::int64_t> vector_retry(std::string_view relation, const std::optional<std::string>& key,
                                const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_retry($1::text::regclass, $2, $3)",
           values::of(relation, key, collection), changes},
          decode::integer};
}

call<bool> vector_wait(std::string_view relation, seconds timeout,
                       const std::optional<std::string>& collection) {
  return {{"SELECT stash.vector_wait($1::text::regclass, $2, $3)",
           values::of(relation, timeout, collection), reads},
          decode::boolean};
}

call<std::vector<vector_difference>> vector_reconcile(
    std::string_view relation, bool repair, const std::optional<std::string>& collection) {
  return {{"SELECT in_collection, difference, key, tenant, object, detail"
           " FROM stash.vector_reconcile($1::text::regclass, $2, $3)",
           values::of(relation, repair, collection), repair ? changes : reads},
          [](const result& rows) { return every_row(rows, read_difference); }};
}

call<std::vector<dead_letter>> vector_dead_letters(const std::optional<std::string>& relation,
                                                   int max_rows) {
  return {{"SELECT tab::text, collection, tenant, key, error, attempts, failed_at"
           " FROM stash.vector_dead_letters($1::text::regclass, $2)",
           values::of(relation, std::int32_t{max_rows}), reads},
          [](const result& rows) { return every_row(rows, read_dead_letter); }};
}

}  // namespace stash::calls
