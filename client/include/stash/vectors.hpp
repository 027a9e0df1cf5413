// Typed calls of the vector_* functions: search by embedding, and tables kept in step with
// Weaviate.
#pragma once

#include "stash/executor.hpp"
#include "stash/vector_calls.hpp"

namespace stash {

/// Cheap to copy; refers to what it runs on. A table is named as in SQL, with its schema unless the
/// search_path finds it; a collection that is unset means all that the table feeds. `of<R>` as in
/// basic_cache.
template <typename Run>
class basic_vectors {
 public:
  /// What a call that gives an R returns here.
  template <typename R>
  using of = typename Run::template returns<R>;

  /// Calls on a client, in a transaction, in a pipeline.
  explicit basic_vectors(Run run) : run_(std::move(run)) {}

  /// How far apart two embeddings are.
  [[nodiscard]] of<double> distance(std::span<const float> a, std::span<const float> b,
                                    vector_metric metric = vector_metric::cosine) {
    return run_(calls::vector_distance(a, b, metric));
  }
  /// The nearest rows of any table or view, the nearest first, found by comparing all.
  [[nodiscard]] of<std::vector<vector_hit>> search_local(std::string_view relation,
                                                         std::string_view embedding_column,
                                                         std::span<const float> embedding,
                                                         const local_search_options& options = {}) {
    return run_(calls::vector_search_local(relation, embedding_column, embedding, options));
  }
  /// The nearest rows of a synchronised table by Weaviate, or by comparing all when it does not
  /// answer. With words: the best by both.
  [[nodiscard]] of<std::vector<vector_hit>> search(std::string_view relation,
                                                   std::span<const float> embedding,
                                                   const vector_search_options& options = {}) {
    return run_(calls::vector_search(relation, embedding, options));
  }

  /// Keeps a collection in step with a table from the commit of this call on. The embedding's
  /// column is unset when the option "vectors" names several.
  of<void> enable_sync(std::string_view relation,
                       const std::optional<std::string>& embedding_column,
                       const vector_sync_options& options = {}) {
    return run_(calls::vector_sync_enable(relation, embedding_column, options));
  }
  /// Ends that; the objects stay. How many ended.
  of<std::int64_t> disable_sync(std::string_view relation,
                                const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_sync_disable(relation, collection));
  }
  /// Nothing is sent until resume_sync(); changes wait.
  of<void> pause_sync(std::string_view relation,
                      const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_sync_pause(relation, collection));
  }
  /// Sends what waits, and goes on.
  of<void> resume_sync(std::string_view relation,
                       const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_sync_resume(relation, collection));
  }
  /// The synchronised tables.
  [[nodiscard]] of<std::vector<vector_sync_state>> sync_status() {
    return run_(calls::vector_sync_status());
  }
  /// Sends every row anew, in the background.
  of<void> backfill(std::string_view relation, const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_backfill(relation, collection));
  }
  /// Waits until all that was committed before is in Weaviate, or given up; false when that takes
  /// longer. A call_timeout of the client counts, too.
  of<bool> wait(std::string_view relation, seconds timeout = seconds{30},
                const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_wait(relation, timeout, collection));
  }
  /// Compares all objects with the rows; nothing when all is in step. repair: sends what is missing
  /// or different again and deletes what is foreign, in the background. First it waits, a
  /// minute at the most, until changes have been sent; error 55000 when they still wait then, or
  /// Weaviate does not answer.
  of<std::vector<vector_difference>> reconcile(std::string_view relation, bool repair = false,
                                               const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_reconcile(relation, repair, collection));
  }
  /// Rows that were given up, of this table or of all that the caller may read, the oldest first.
  [[nodiscard]] of<std::vector<dead_letter>> dead_letters(
      const std::optional<std::string>& relation = {}, int max_rows = 1000) {
    return run_(calls::vector_dead_letters(relation, max_rows));
  }
  /// Tries them again, all or the one with this key; how many.
  of<std::int64_t> retry(std::string_view relation, const std::optional<std::string>& key = {},
                         const std::optional<std::string>& collection = {}) {
    return run_(calls::vector_retry(relation, key, collection));
  }
  /// What Weaviate calls a property of a type of PostgreSQL; nothing when it has no counterpart.
  [[nodiscard]] of<std::optional<std::string>> property_type(std::string_view type) {
    return run_(calls::vector_property_type(type));
  }

 private:
  Run run_;
};

/// The calls of embeddings, each at once.
using vectors = basic_vectors<run_now>;

}  // namespace stash
