// Distances by metric, at the edges of what a float holds; and the heap of the nearest.
#include "vector/distance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "vector/nearest.hpp"

namespace {

using stash::vectors::distance_to;
using stash::vectors::element;
using stash::vectors::metric;
using stash::vectors::metric_named;
using stash::vectors::near_row;
using stash::vectors::nearest_rows;
using stash::vectors::prepare;
using stash::vectors::query_storage;
using stash::vectors::score_of;

double distance(metric measure, const std::vector<double>& a, const std::vector<double>& b,
                element kind = element::real) {
  std::vector<double> storage(query_storage(a.size()) / sizeof(double) + 1);
  const auto query = prepare(measure, a.data(), a.size(), storage.data());
  const std::vector<float> real(b.begin(), b.end());
  return distance_to(query, kind,
                     kind == element::exact ? static_cast<const void*>(b.data()) : real.data());
}

TEST(distance_test, known_values) {
  for (const element kind : {element::real, element::exact}) {
    EXPECT_DOUBLE_EQ(distance(metric::cosine, {1, 0}, {0, 3}, kind), 1);
    EXPECT_DOUBLE_EQ(distance(metric::cosine, {1, 0}, {-2, 0}, kind), 2);
    EXPECT_DOUBLE_EQ(distance(metric::cosine, {2, 0}, {5, 0}, kind), 0);
    EXPECT_NEAR(distance(metric::cosine, {1, 1}, {1, 0}, kind), 1 - std::sqrt(0.5), 1e-7);
    EXPECT_DOUBLE_EQ(distance(metric::inner_product, {1, 2, 3}, {4, 5, 6}, kind), -32);
    EXPECT_DOUBLE_EQ(distance(metric::l2, {1, 2}, {4, 6}, kind), 5);
    EXPECT_DOUBLE_EQ(distance(metric::l2_squared, {1, 2}, {4, 6}, kind), 25);
  }
}

TEST(distance_test, zeros_have_no_direction) {
  EXPECT_EQ(distance(metric::cosine, {0, 0}, {1, 2}), 1);
  EXPECT_EQ(distance(metric::cosine, {1, 2}, {0, 0}), 1);
  EXPECT_EQ(distance(metric::cosine, {0, 0}, {0, 0}), 1);
  EXPECT_EQ(distance(metric::l2, {0, 0}, {0, 0}), 0);
}

TEST(distance_test, numbers_whose_squares_no_float_holds) {
  for (const double size : {1e-38, 1e-30, 1e-20, 1e20, 1e30, 3e38}) {
    EXPECT_NEAR(distance(metric::cosine, {size, size}, {size, 0}), 1 - std::sqrt(0.5), 1e-6)
        << size;
    EXPECT_NEAR(distance(metric::l2, {size, 0}, {0, size}) / (size * std::sqrt(2)), 1, 1e-6)
        << size;
  }
  EXPECT_NEAR(distance(metric::inner_product, {1e30, 1}, {1e30, 1}) / -1e60, 1, 1e-6);
  EXPECT_NEAR(distance(metric::cosine, {1e200, 1e200}, {1e200, 0}, element::exact),
              1 - std::sqrt(0.5), 1e-12);
}

TEST(distance_test, no_distance) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  for (const metric measure :
       {metric::cosine, metric::inner_product, metric::l2, metric::l2_squared}) {
    EXPECT_TRUE(std::isnan(distance(measure, {1, 2}, {nan, 1})));
    EXPECT_TRUE(std::isnan(distance(measure, {1, 2}, {nan, 1}, element::exact)));
  }
  EXPECT_TRUE(std::isnan(distance(metric::cosine, {1, 2}, {infinite, 1})));
}

TEST(distance_test, names) {
  EXPECT_EQ(metric_named("cosine"), metric::cosine);
  EXPECT_EQ(metric_named("inner_product"), metric::inner_product);
  EXPECT_EQ(metric_named("dot"), metric::inner_product);
  EXPECT_EQ(metric_named("l2"), metric::l2);
  EXPECT_EQ(metric_named("l2-squared"), metric::l2_squared);
  EXPECT_FALSE(metric_named("Cosine"));
  EXPECT_FALSE(metric_named(""));
}

TEST(distance_test, a_nearer_row_has_the_higher_score) {
  EXPECT_EQ(score_of(metric::cosine, 0), 1);
  EXPECT_EQ(score_of(metric::cosine, 2), 0);
  EXPECT_EQ(score_of(metric::inner_product, -32), 32);
  EXPECT_EQ(score_of(metric::l2, 1), 0.5);
  EXPECT_EQ(score_of(metric::l2_squared, 0), 1);
}

TEST(nearest_test, keeps_the_nearest_in_order) {
  std::mt19937 random(5);
  for (std::size_t capacity = 0; capacity < 20; capacity++) {
    std::vector<near_row> room(capacity + 1);
    nearest_rows kept(room.data(), capacity);
    std::vector<near_row> all;
    std::vector<int> rows(300);
    for (std::uint64_t i = 0; i < rows.size(); i++) {
      // Few distances, so that many are equal.
      all.push_back({static_cast<double>(random() % 40), i, &rows[i]});
      if (kept.wants(all.back())) kept.keep(all.back());
    }
    kept.sort();
    std::sort(all.begin(), all.end(), stash::vectors::nearer);
    ASSERT_EQ(kept.size(), capacity);
    for (std::size_t i = 0; i < capacity; i++) ASSERT_EQ(kept[i].row, all[i].row);
  }
}

TEST(nearest_test, gives_up_the_farthest_and_wants_no_nan) {
  near_row room[2];
  nearest_rows kept(room, 2);
  int rows[3];
  EXPECT_FALSE(kept.wants({std::numeric_limits<double>::quiet_NaN(), 0, rows}));
  EXPECT_EQ(kept.keep({5, 0, &rows[0]}), nullptr);
  EXPECT_EQ(kept.keep({3, 1, &rows[1]}), nullptr);
  EXPECT_FALSE(kept.wants({5, 2, &rows[2]}));
  EXPECT_FALSE(kept.wants({std::numeric_limits<double>::quiet_NaN(), 3, rows}));
  EXPECT_TRUE(kept.wants({4, 2, &rows[2]}));
  EXPECT_EQ(kept.keep({4, 2, &rows[2]}), &rows[0]);
}

}  // namespace
