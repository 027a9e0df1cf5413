// What every way of scanning does with a row: measure it, and remember it if it is among the
// nearest. Lies in the caller's memory and has no destructor.
#pragma once

#include "vector/embedding.hpp"
#include "vector/nearest.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

class row_measure {
 public:
  row_measure(const prepared_query& query, const embedding_type& type, double max_distance,
              near_row* room, int max_rows)
      : nearest(room, static_cast<std::size_t>(max_rows)),
        query_(query),
        type_(type),
        max_distance_(max_distance) {}

  /// Whether the row is to be kept; then *row has its distance.
  bool wants(Datum embedding, bool null, near_row* row) {
    if (null) return false;
    const stored_embedding stored = read_embedding(embedding, type_, query_.size);
    bool wanted = false;
    if (stored.numbers == nullptr) {
      of_other_sizes++;
    } else {
      of_this_size++;
      row->distance = distance_to(query_, type_.kind, stored.numbers);
      wanted = row->distance <= max_distance_ && nearest.wants(*row);
    }
    if (stored.copy != nullptr) pfree(stored.copy);
    return wanted;
  }

  nearest_rows nearest;
  std::uint64_t of_this_size = 0;
  std::uint64_t of_other_sizes = 0;

 private:
  prepared_query query_;
  embedding_type type_;
  double max_distance_;
};

}  // namespace stash::vectors
