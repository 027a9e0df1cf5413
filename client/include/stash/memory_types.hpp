// What the calls of memory snapshots take and return.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stash/parameters.hpp"

namespace stash {

/// The parent of nothing: as snapshot_options::expected_head it says that there must be no head.
inline constexpr std::string_view nil_uuid = "00000000-0000-0000-0000-000000000000";

/// Of a new snapshot.
struct snapshot_options {
  /// An agent has one line of versions for each key.
  std::string key = "default";
  /// The version that this one goes on from; unset: the head.
  std::optional<std::string> parent = {};
  /// An object.
  std::optional<json> metadata = {};
  std::vector<std::string> tags = {};
  /// Unset: for ever.
  std::optional<seconds> ttl = {};
  /// To be found by; 1 to 16384 finite numbers.
  std::optional<std::vector<float>> embedding = {};
  /// server_error 40001 when the head is another one; see nil_uuid.
  std::optional<std::string> expected_head = {};
};

/// What create() returns.
struct created_snapshot {
  std::string id;
  std::int64_t version = 0;
  /// The head was the same already; this is its id, and nothing was added.
  bool deduplicated = false;
};

/// What is known of a snapshot beside its content.
struct snapshot_info {
  std::string id;
  std::string agent_id;
  std::string key;
  std::int64_t version = 0;
  /// Nothing for the first, and when what was before is gone.
  std::optional<std::string> parent = {};
  time_point created_at;
  std::optional<time_point> expires_at = {};
  bool pinned = false;
  std::vector<std::string> tags = {};
  json metadata = {};
  /// Of a restored one: which snapshot it is a copy of, and why.
  std::optional<std::string> origin = {};
  std::optional<std::string> note = {};
  /// Size of the content as jsonb.
  std::int64_t bytes = 0;
};

/// A snapshot with its content as a T.
template <typename T>
struct basic_snapshot : snapshot_info {
  T content = {};
  /// Nothing when it was made without one.
  std::optional<std::vector<float>> embedding = {};
};

/// A snapshot with its content as JSON.
using snapshot = basic_snapshot<json>;

/// Which snapshots; what is unset does not matter.
struct snapshot_filter {
  std::optional<std::string> agent_id = {};
  std::optional<std::string> key = {};
  /// Those that carry all of these.
  std::vector<std::string> tags = {};
  /// Those whose metadata contain this object.
  std::optional<json> metadata = {};
};

/// One step from one content to another, as in JSON Patch (RFC 6902).
struct snapshot_change {
  /// A JSON Pointer.
  std::string path;
  /// add, remove or replace.
  std::string op;
  /// null where there is none.
  json before;
  json after;
};

/// The steps as a JSON Patch, for json::patch().
inline json to_patch(const std::vector<snapshot_change>& changes) {
  json patch = json::array();
  for (const snapshot_change& each : changes) {
    patch.push_back({{"op", each.op}, {"path", each.path}});
    if (each.op != "remove") patch.back()["value"] = each.after;
  }
  return patch;
}

/// What cleanup() deletes: what meets both conditions; expired snapshots in any case.
struct cleanup_options {
  /// Those not among the last so many of their key; 0: heads go too.
  std::optional<int> keep_last = {};
  std::optional<seconds> older_than = {};
  /// Unset: of all agents.
  std::optional<std::string> agent_id = {};
  /// Only counts.
  bool dry_run = false;
  /// At most so many; unset: no limit.
  std::optional<int> batch = {};
};

/// What cleanup() deleted.
struct cleaned_snapshots {
  std::int64_t versions = 0;
  /// The sum of their sizes as jsonb; the disk gets back what no other version shares.
  std::int64_t bytes = 0;
};

/// Figures of an agent's snapshots.
struct snapshot_statistics {
  std::int64_t keys = 0, versions = 0, pinned = 0;
  /// The sum of their sizes as jsonb, and what they take on disk, with an estimate for indexes.
  std::int64_t logical_bytes = 0, stored_bytes = 0;
  /// The one by the other; nothing when nothing is stored.
  std::optional<double> ratio = {};
  /// Parts, and those of them that more than one version has.
  std::int64_t parts = 0, shared_parts = 0;
};

/// Where to search, and how much to return.
struct memory_search_options {
  /// Unset: in the memory of all agents.
  std::optional<std::string> agent_id = {};
  /// About the snapshots' columns, as docs/search.md describes it.
  std::optional<json> filter = {};
  /// 1 to 1000.
  int max_rows = 10;
};

/// A snapshot that was found; at most one for each agent and key.
struct memory_hit {
  std::string id;
  std::string agent_id;
  std::string key;
  std::int64_t version = 0;
  time_point created_at;
  std::vector<std::string> tags = {};
  json metadata = {};
  /// The more the better: the sum of 1 / (60 + place) over the lists in which it was found.
  double score = 0;
  /// Nothing unless found by its text.
  std::optional<double> text_rank = {};
  /// The cosine distance; nothing unless found by its embedding.
  std::optional<double> distance = {};
  /// Who answered: text, vector-local, hybrid-local.
  std::string engine;
};

}  // namespace stash
