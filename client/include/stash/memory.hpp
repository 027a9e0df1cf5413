// Typed calls of the memory_snapshot_* functions.
#pragma once

#include "stash/executor.hpp"
#include "stash/memory_calls.hpp"

namespace stash {

/// Cheap to copy; refers to what it runs on. A snapshot that is unknown, expired or deleted is
/// nothing, or false, where it is asked for, and server_error 42704 where something is to be made
/// of it. `of<R>` as in basic_cache.
template <typename Run>
class basic_memory {
 public:
  /// What a call that gives an R returns here.
  template <typename R>
  using of = typename Run::template returns<R>;

  /// Calls on a client, in a transaction, in a pipeline.
  explicit basic_memory(Run run) : run_(std::move(run)) {}

  /// Adds a version to an agent's memory, converted with its to_json; when nothing has changed,
  /// the head is returned.
  template <typename T>
  of<created_snapshot> create(std::string_view agent_id, const T& content,
                              const snapshot_options& options = {}) {
    return run_(calls::memory_snapshot_create(agent_id, json(content).dump(), options));
  }
  /// By its id, with its content converted by T's from_json.
  template <typename T = json>
  [[nodiscard]] of<std::optional<basic_snapshot<T>>> get(std::string_view id) {
    return run_(calls::memory_snapshot_get<T>(id));
  }
  /// What the agent had under the key then; unset: has now, the head.
  template <typename T = json>
  [[nodiscard]] of<std::optional<basic_snapshot<T>>> get_at(std::string_view agent_id,
                                                            std::string_view key = "default",
                                                            std::optional<time_point> at = {}) {
    return run_(calls::memory_snapshot_get_at<T>(agent_id, key, at));
  }
  /// The newest first; `after` is the last id of the page before.
  [[nodiscard]] of<std::vector<snapshot_info>> list(const snapshot_filter& filter = {},
                                                    const std::optional<std::string>& after = {},
                                                    int max_rows = 100) {
    return run_(calls::memory_snapshot_list(filter, after, max_rows));
  }
  /// The snapshot and its parents, across forks.
  [[nodiscard]] of<std::vector<snapshot_info>> history(std::string_view id, int depth = 100) {
    return run_(calls::memory_snapshot_history(id, depth));
  }
  /// What makes the content of b of that of a; nothing when they are equal. See to_patch().
  [[nodiscard]] of<std::vector<snapshot_change>> diff(std::string_view a, std::string_view b) {
    return run_(calls::memory_snapshot_diff(a, b));
  }
  /// Gives another agent, or another key (unset: the same), a snapshot to go on from; its id.
  of<std::string> fork(std::string_view id, std::string_view agent_id,
                       const std::optional<std::string>& key = {}) {
    return run_(calls::memory_snapshot_fork(id, agent_id, key));
  }
  /// Makes an earlier snapshot the head again, by a version of the same content; its id.
  of<std::string> restore(std::string_view id, const std::optional<std::string>& note = {}) {
    return run_(calls::memory_snapshot_restore(id, note));
  }
  /// Keeps it from expiring and from clean-ups, or no longer.
  of<bool> pin(std::string_view id, bool pinned = true) {
    return run_(calls::memory_snapshot_pin(id, pinned));
  }
  /// Deletes it. Error 55006: it is pinned.
  of<bool> erase(std::string_view id) { return run_(calls::memory_snapshot_delete(id)); }
  /// Deletes old versions.
  of<cleaned_snapshots> cleanup(const cleanup_options& options = {}) {
    return run_(calls::memory_snapshot_cleanup(options));
  }
  /// Figures of an agent's snapshots; unset: of all.
  [[nodiscard]] of<snapshot_statistics> statistics(
      const std::optional<std::string>& agent_id = {}) {
    return run_(calls::memory_snapshot_stats(agent_id));
  }
  /// The whole history of an agent, or of one key of it, as a JSON document.
  [[nodiscard]] of<json> export_history(std::string_view agent_id,
                                        const std::optional<std::string>& key = {}) {
    return run_(calls::memory_snapshot_export(agent_id, key));
  }
  /// Takes in what export_history() gave, under this agent_id (unset: the same); how many.
  of<std::int64_t> import_history(const json& document,
                                  const std::optional<std::string>& agent_id = {}) {
    return run_(calls::memory_snapshot_import(document, agent_id));
  }

  /// By text and embedding, fused; the best first. Text: as for websearch_to_tsquery, where
  /// admin's configure_memory_search() switched it on (else error 55000).
  [[nodiscard]] of<std::vector<memory_hit>> search(std::string_view query,
                                                   std::span<const float> embedding,
                                                   const memory_search_options& options = {}) {
    return run_(calls::memory_snapshot_search(query, embedding, options));
  }
  /// By text alone.
  [[nodiscard]] of<std::vector<memory_hit>> search_text(std::string_view query,
                                                        const memory_search_options& options = {}) {
    return run_(calls::memory_snapshot_search(query, std::nullopt, options));
  }
  /// By embedding alone: the nearest by cosine.
  [[nodiscard]] of<std::vector<memory_hit>> search_nearest(
      std::span<const float> embedding, const memory_search_options& options = {}) {
    return run_(calls::memory_snapshot_search(std::nullopt, embedding, options));
  }

 private:
  Run run_;
};

/// The calls of memory snapshots, each at once.
using memory = basic_memory<run_now>;

}  // namespace stash
