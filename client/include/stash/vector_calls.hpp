// The calls of the vector_* functions as values: see stash/call.hpp. Named as the functions are;
// the methods of basic_vectors say what they do.
#pragma once

#include "stash/call.hpp"
#include "stash/vector_types.hpp"

namespace stash::calls {

STASH_API call<double> vector_distance(std::span<const float> a, std::span<const float> b,
                                       vector_metric metric);
STASH_API call<std::vector<vector_hit>> vector_search_local(std::string_view relation,
                                                            std::string_view embedding_column,
                                                            std::span<const float> embedding,
                                                            const local_search_options& options);
STASH_API call<std::vector<vector_hit>> vector_search(std::string_view relation,
                                                      std::span<const float> embedding,
                                                      const vector_search_options& options);
STASH_API call<std::optional<std::string>> vector_property_type(std::string_view type);
STASH_API call<void> vector_sync_enable(std::string_view relation,
                                        const std::optional<std::string>& embedding_column,
                                        const vector_sync_options& options);
STASH_API call<std::int64_t> vector_sync_disable(std::string_view relation,
                                                 const std::optional<std::string>& collection);
STASH_API call<void> vector_sync_pause(std::string_view relation,
                                       const std::optional<std::string>& collection);
STASH_API call<void> vector_sync_resume(std::string_view relation,
                                        const std::optional<std::string>& collection);
STASH_API call<std::vector<vector_sync_state>> vector_sync_status();
STASH_API call<void> vector_backfill(std::string_view relation,
                                     const std::optional<std::string>& collection);
STASH_API call<std::int64_t> vector_retry(std::string_view relation,
                                          const std::optional<std::string>& key,
                                          const std::optional<std::string>& collection);
STASH_API call<bool> vector_wait(std::string_view relation, seconds timeout,
                                 const std::optional<std::string>& collection);
STASH_API call<std::vector<vector_difference>> vector_reconcile(
    std::string_view relation, bool repair, const std::optional<std::string>& collection);
STASH_API call<std::vector<dead_letter>> vector_dead_letters(
    const std::optional<std::string>& relation, int max_rows);

}  // namespace stash::calls
