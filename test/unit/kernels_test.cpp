// The kernels of every instruction set that runs here, against sums in the widest precision.
#include "vector/kernels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "vector/half.hpp"

namespace {

using stash::vectors::dot_and_norm;
using stash::vectors::element;
using stash::vectors::kernel_set;
using stash::vectors::runnable_kernels;
using stash::vectors::size_of;
using stash::vectors::widen_half;

constexpr std::size_t longest = 1100;

struct expected_sums {
  long double dot = 0, norm = 0, squared = 0;
  long double dot_size = 0;  // what rounding errors are relative to
};

// Numbers at an address that is odd by `shift` bytes, in a buffer that ends where they end, so that
// AddressSanitizer sees a read behind them.
class shifted_numbers {
 public:
  shifted_numbers(const std::vector<std::byte>& bytes, std::size_t shift)
      : bytes_(bytes.size() + shift), shift_(shift) {
    if (!bytes.empty()) std::memcpy(bytes_.data() + shift, bytes.data(), bytes.size());
  }
  [[nodiscard]] const void* get() const { return bytes_.data() + shift_; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t shift_;
};

template <typename Number>
std::vector<std::byte> bytes_of(const std::vector<Number>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(Number));
  if (!bytes.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

struct pair_of_vectors {
  std::vector<std::byte> query, row;
  expected_sums expected;
};

pair_of_vectors random_pair(element kind, std::size_t count, std::mt19937& random) {
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<unsigned> any_half(0, 0x7BFF);
  std::vector<float> query;
  std::vector<double> exact_query;
  std::vector<std::uint16_t> halves;
  std::vector<float> reals;
  std::vector<double> exacts;
  expected_sums expected;
  for (std::size_t i = 0; i < count; i++) {
    exact_query.push_back(normal(random));
    query.push_back(static_cast<float>(exact_query.back()));
    halves.push_back(static_cast<std::uint16_t>(any_half(random) % 0x4800 | (random() & 1) << 15));
    exacts.push_back(normal(random));
    reals.push_back(static_cast<float>(exacts.back()));
    const long double a = kind == element::exact ? exact_query.back() : query.back();
    const long double b = kind == element::exact  ? exacts.back()
                          : kind == element::real ? reals.back()
                                                  : widen_half(halves.back());
    expected.dot += a * b;
    expected.dot_size += std::abs(a * b);
    expected.norm += b * b;
    expected.squared += (a - b) * (a - b);
  }
  if (kind == element::exact) return {bytes_of(exact_query), bytes_of(exacts), expected};
  if (kind == element::real) return {bytes_of(query), bytes_of(reals), expected};
  return {bytes_of(query), bytes_of(halves), expected};
}

class kernels_test : public testing::TestWithParam<element> {};

TEST_P(kernels_test, every_length_and_alignment) {
  const element kind = GetParam();
  const double precise = kind == element::exact ? 1e-14 : 4e-6;
  std::mt19937 random(17);
  for (std::size_t count = 0; count <= longest; count++) {
    const pair_of_vectors pair = random_pair(kind, count, random);
    // Every remainder by 8 for one of the operands, as stored values may lie anywhere.
    const shifted_numbers query(pair.query, count % 3);
    const shifted_numbers row(pair.row, count % 8);
    for (const kernel_set* set : runnable_kernels()) {
      SCOPED_TRACE(std::string(set->name) + ", " + std::to_string(count));
      const auto& with = set->of(kind);
      const dot_and_norm both = with.dot_norm(query.get(), row.get(), count);
      const auto dot_error = static_cast<double>(pair.expected.dot_size) * precise;
      ASSERT_NEAR(both.dot, static_cast<double>(pair.expected.dot), dot_error);
      ASSERT_NEAR(with.dot(query.get(), row.get(), count), static_cast<double>(pair.expected.dot),
                  dot_error);
      ASSERT_NEAR(both.norm, static_cast<double>(pair.expected.norm),
                  static_cast<double>(pair.expected.norm) * precise);
      ASSERT_NEAR(with.squared_distance(query.get(), row.get(), count),
                  static_cast<double>(pair.expected.squared),
                  static_cast<double>(pair.expected.squared) * precise);
    }
  }
}

TEST_P(kernels_test, one_number_at_each_place_counts_once) {
  const element kind = GetParam();
  constexpr std::size_t count = 200;
  for (std::size_t place = 0; place < count; place++) {
    std::vector<double> exact(count);
    exact[place] = 2;
    const std::vector<float> real(exact.begin(), exact.end());
    std::vector<std::uint16_t> half(count);
    half[place] = 0x4000;
    const auto query = kind == element::exact ? bytes_of(exact) : bytes_of(real);
    const auto row = kind == element::exact  ? bytes_of(exact)
                     : kind == element::real ? bytes_of(real)
                                             : bytes_of(half);
    for (const kernel_set* set : runnable_kernels()) {
      const auto& with = set->of(kind);
      ASSERT_EQ(with.dot_norm(query.data(), row.data(), count).dot, 4) << set->name << place;
      ASSERT_EQ(with.dot_norm(query.data(), row.data(), count).norm, 4) << set->name << place;
      ASSERT_EQ(with.squared_distance(query.data(), row.data(), count), 0) << set->name << place;
    }
  }
}

TEST_P(kernels_test, not_a_number_stays_one) {
  const element kind = GetParam();
  constexpr std::size_t count = 77;
  std::vector<double> exact(count, 1);
  const std::vector<float> real_query(count, 1);
  const auto query = kind == element::exact ? bytes_of(exact) : bytes_of(real_query);
  exact[70] = std::numeric_limits<double>::quiet_NaN();
  const std::vector<float> real(exact.begin(), exact.end());
  std::vector<std::uint16_t> half(count, 0x3C00);
  half[70] = 0x7E00;
  const auto row = kind == element::exact  ? bytes_of(exact)
                   : kind == element::real ? bytes_of(real)
                                           : bytes_of(half);
  for (const kernel_set* set : runnable_kernels()) {
    const auto& with = set->of(kind);
    EXPECT_TRUE(std::isnan(with.dot(query.data(), row.data(), count))) << set->name;
    EXPECT_TRUE(std::isnan(with.squared_distance(query.data(), row.data(), count))) << set->name;
  }
}

INSTANTIATE_TEST_SUITE_P(elements, kernels_test,
                         testing::Values(element::half, element::real, element::exact),
                         [](const auto& each) {
                           return each.param == element::half   ? "half"
                                  : each.param == element::real ? "real"
                                                                : "exact";
                         });

TEST(half_test, known_values) {
  EXPECT_EQ(widen_half(0x0000), 0.0F);
  EXPECT_TRUE(std::signbit(widen_half(0x8000)));
  EXPECT_EQ(widen_half(0x3C00), 1.0F);
  EXPECT_EQ(widen_half(0xC000), -2.0F);
  EXPECT_EQ(widen_half(0x7BFF), 65504.0F);
  EXPECT_EQ(widen_half(0x0001), 0x1p-24F);
  EXPECT_EQ(widen_half(0x83FF), -1023 * 0x1p-24F);
  EXPECT_EQ(widen_half(0x7C00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(widen_half(0x7E01)));
}

TEST(half_test, every_half_as_the_processor_widens_it) {
  for (const kernel_set* set : runnable_kernels()) {
    for (unsigned bits = 0; bits <= 0xFFFF; bits++) {
      const std::vector<std::uint16_t> halves(16, static_cast<std::uint16_t>(bits));
      const std::vector<float> query(16, 0.0625F);
      const float expected = widen_half(halves[0]);
      const double sum = set->half.dot(query.data(), halves.data(), 16);
      if (std::isnan(expected))
        ASSERT_TRUE(std::isnan(sum)) << set->name << bits;
      else
        ASSERT_EQ(sum, static_cast<double>(expected)) << set->name << bits;
    }
  }
}

}  // namespace
