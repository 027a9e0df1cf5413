// The kernels themselves, once for each instruction set: a kernels_*.cpp defines
//   STASH_KERNEL_BYTES   the width of a register
//   STASH_KERNEL         the attribute that allows the instruction set in a function
// includes this file inside a namespace of its own, and defines widen_halves().
//
// Vectors are the compiler's (GCC's and clang's vector_size): they become the registers of the
// instruction set, NEON's on ARM. Memory is read through memcpy, so nothing needs an alignment.
// Four partial sums hide the latency of the additions, and keep rounding errors small.
// No include guard: nothing includes it twice, and no header of another does.

using floats __attribute__((vector_size(STASH_KERNEL_BYTES))) = float;
using doubles __attribute__((vector_size(STASH_KERNEL_BYTES))) = double;

// As many numbers of 2 bytes as a register has of 4.
STASH_KERNEL inline floats widen_halves(const std::byte* from);

struct half_row {
  using lanes = floats;
  using scalar = float;
  static constexpr std::size_t bytes = 2;
  STASH_KERNEL static inline lanes load(const std::byte* from) { return widen_halves(from); }
  STASH_KERNEL static inline scalar load_one(const std::byte* from) {
    std::uint16_t bits;
    std::memcpy(&bits, from, sizeof bits);
    return widen_half(bits);
  }
};

template <typename Lanes, typename Scalar>
struct plain_row {
  using lanes = Lanes;
  using scalar = Scalar;
  static constexpr std::size_t bytes = sizeof(Scalar);
  STASH_KERNEL static inline lanes load(const std::byte* from) {
    lanes value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  STASH_KERNEL static inline scalar load_one(const std::byte* from) {
    scalar value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
};

using real_row = plain_row<floats, float>;
using exact_row = plain_row<doubles, double>;

template <typename Lanes, typename Scalar>
STASH_KERNEL inline double sum_of(const Lanes& lanes) {
  constexpr std::size_t count = sizeof(Lanes) / sizeof(Scalar);
  Scalar parts[count];
  std::memcpy(parts, &lanes, sizeof lanes);
  for (std::size_t half = count / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; i++) parts[i] += parts[i + half];
  return static_cast<double>(parts[0]);
}

// Adds up step(query, row, sum) over all numbers: registers in four partial sums, then in one, then
// the rest number by number. The partial sums have names, so that they stay in registers.
template <typename Row, typename Step, std::size_t Results>
STASH_KERNEL inline void accumulate(const void* query, const void* row, std::size_t count,
                                    double (&results)[Results]) {
  using lanes = typename Row::lanes;
  using scalar = typename Row::scalar;
  using query_row = plain_row<lanes, scalar>;
  constexpr std::size_t width = sizeof(lanes) / sizeof(scalar);
  constexpr std::size_t query_step = width * sizeof(scalar);
  constexpr std::size_t row_step = width * Row::bytes;
  const auto* a = static_cast<const std::byte*>(query);
  const auto* b = static_cast<const std::byte*>(row);
  lanes first[Results] = {};
  lanes second[Results] = {};
  lanes third[Results] = {};
  lanes fourth[Results] = {};
  for (; count >= 4 * width; count -= 4 * width, a += 4 * query_step, b += 4 * row_step) {
    Step::add(query_row::load(a), Row::load(b), first);
    Step::add(query_row::load(a + query_step), Row::load(b + row_step), second);
    Step::add(query_row::load(a + 2 * query_step), Row::load(b + 2 * row_step), third);
    Step::add(query_row::load(a + 3 * query_step), Row::load(b + 3 * row_step), fourth);
  }
  for (; count >= width; count -= width, a += query_step, b += row_step)
    Step::add(query_row::load(a), Row::load(b), first);
  scalar rest[Results] = {};
  for (; count > 0; count--, a += sizeof(scalar), b += Row::bytes)
    Step::add(query_row::load_one(a), Row::load_one(b), rest);
  for (std::size_t i = 0; i < Results; i++)
    results[i] = sum_of<lanes, scalar>((first[i] + second[i]) + (third[i] + fourth[i])) +
                 static_cast<double>(rest[i]);
}

struct dot_norm_step {
  template <typename Number>
  STASH_KERNEL static inline void add(const Number& a, const Number& b, Number (&into)[2]) {
    into[0] += a * b;
    into[1] += b * b;
  }
};

struct dot_step {
  template <typename Number>
  STASH_KERNEL static inline void add(const Number& a, const Number& b, Number (&into)[1]) {
    into[0] += a * b;
  }
};

struct squared_distance_step {
  template <typename Number>
  STASH_KERNEL static inline void add(const Number& a, const Number& b, Number (&into)[1]) {
    const Number difference = a - b;
    into[0] += difference * difference;
  }
};

template <typename Row>
STASH_KERNEL dot_and_norm dot_norm(const void* query, const void* row, std::size_t count) {
  double results[2];
  accumulate<Row, dot_norm_step>(query, row, count, results);
  return {results[0], results[1]};
}

template <typename Row>
STASH_KERNEL double dot(const void* query, const void* row, std::size_t count) {
  double results[1];
  accumulate<Row, dot_step>(query, row, count, results);
  return results[0];
}

template <typename Row>
STASH_KERNEL double squared_distance(const void* query, const void* row, std::size_t count) {
  double results[1];
  accumulate<Row, squared_distance_step>(query, row, count, results);
  return results[0];
}

template <typename Row>
constexpr kernels kernels_of = {dot_norm<Row>, dot<Row>, squared_distance<Row>};

constexpr kernel_set set_named(const char* name) {
  return {name, kernels_of<half_row>, kernels_of<real_row>, kernels_of<exact_row>};
}
