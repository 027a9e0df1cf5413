// Taking documents apart and putting them together again, without a server.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "snapshot/assembly.hpp"
#include "snapshot/references.hpp"
#include "snapshot/tree.hpp"

namespace stash::memory {
namespace {

void test_hash(std::string_view bytes, digest* hash) {
  const XXH128_hash_t value = XXH3_128bits(bytes.data(), bytes.size());
  std::memcpy(hash->data(), &value, hash->size());
}

// A value that owns its bytes.
struct made {
  std::uint32_t type = layout::null_type;
  std::string bytes;
  [[nodiscard]] value_view view() const { return {type, bytes}; }
};

made text(std::string value) { return {layout::string_type, std::move(value)}; }
made number(std::uint32_t value) {
  // Any bytes will do for a numeric: only its alignment matters here.
  return {layout::numeric_type, std::string(4 + value % 5, static_cast<char>(value))};
}

std::string container_of(const std::vector<std::pair<std::string, made>>& members,
                         container_kind kind) {
  std::vector<element> elements;
  elements.reserve(members.size());
  for (const auto& [key, value] : members) elements.push_back({key, value.view()});
  std::string out(size_bound(elements.data(), elements.size(), kind), '\0');
  container_writer writer(out.data(), out.data() + out.size(), kind,
                          static_cast<std::uint32_t>(elements.size()));
  if (kind == container_kind::object)
    for (const element& each : elements) writer.key(each.key);
  for (const element& each : elements) writer.value(each.value);
  out.resize(static_cast<std::size_t>(writer.finish() - out.data()));
  return out;
}

made array_of(const std::vector<made>& values) {
  std::vector<std::pair<std::string, made>> members;
  members.reserve(values.size());
  for (const made& each : values) members.emplace_back("", each);
  return {layout::container_type, container_of(members, container_kind::array)};
}

made object_of(std::map<std::string, made> values) {
  std::vector<std::pair<std::string, made>> members(values.begin(), values.end());
  // jsonb orders keys by length first.
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  return {layout::container_type, container_of(members, container_kind::object)};
}

// A pool as the tables keep it.
class pool {
 public:
  // Stores a document; how many parts were new.
  std::size_t store(const std::string& document) {
    tree apart(document, salt_, test_hash, nullptr);
    const std::size_t before = bodies_.size();
    std::vector<part_id> ids(apart.parts().size());
    for (std::size_t i = 0; i < ids.size(); i++)
      if (!apart.root_is_leaf() || i != apart.root().front())
        ids[i] = place(&apart, apart.parts()[i], ids);
    root_ = {};
    refs_.clear();
    if (apart.root_is_leaf()) {
      const part& only = apart.parts()[apart.root().front()];
      apart.content(only, &content_);
      write_refs(only, ids, &refs_);
    } else {
      content_.clear();
      reference_writer writer(&refs_);
      write_list(&writer, apart.root(), ids);
    }
    root_.leaf = apart.root_is_leaf();
    root_.content = content_;
    root_.refs = refs_;
    return bodies_.size() - before;
  }

  std::string read(std::size_t size) const {
    stored_parts parts;
    for (const auto& [id, body] : bodies_) parts.add(id, {body.leaf, body.content, body.refs});
    std::string out(size, '\0');
    assemble(root_, parts, out.data(), size, nullptr);
    return out;
  }

  [[nodiscard]] const std::string& refs() const { return refs_; }

 private:
  struct body {
    bool leaf;
    std::string content;
    std::string refs;
  };

  static void write_list(reference_writer* writer, const std::vector<part_index>& list,
                         const std::vector<part_id>& ids) {
    std::vector<part_id> below;
    below.reserve(list.size());
    for (const part_index each : list) below.push_back(ids[each]);
    writer->list(below);
  }

  static void write_refs(const part& of, const std::vector<part_id>& ids, std::string* out) {
    reference_writer writer(out);
    if (!of.leaf) return write_list(&writer, of.children, ids);
    if (of.holes.empty()) return;
    writer.number(of.holes.size());
    std::uint32_t next = 0;
    for (const hole& each : of.holes) {
      writer.number(each.index - next);
      write_list(&writer, each.parts, ids);
      next = each.index + 1;
    }
  }

  // Parts stand behind those they consist of.
  part_id place(tree* apart, const part& each, const std::vector<part_id>& ids) {
    const auto [at, is_new] =
        known_.try_emplace(each.hash, static_cast<part_id>(known_.size() + 1));
    if (!is_new) return at->second;
    body stored{each.leaf, {}, {}};
    if (each.leaf) apart->content(each, &stored.content);
    write_refs(each, ids, &stored.refs);
    bodies_.emplace(at->second, std::move(stored));
    return at->second;
  }

  digest salt_{1, 2, 3};
  std::map<digest, part_id> known_;
  std::map<part_id, body> bodies_;
  stored_part root_;
  std::string content_;
  std::string refs_;
};

void expect_kept(const std::string& document) {
  pool parts;
  parts.store(document);
  EXPECT_EQ(parts.read(document.size()), document);
}

std::string random_text(std::mt19937* random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>('a' + (*random)() % 26);
  return bytes;
}

made random_value(std::mt19937* random, int depth) {
  const auto kind = (*random)() % (depth > 4 ? 4 : 7);
  const std::size_t count = depth < 2 && (*random)() % 4 == 0 ? (*random)() % 200 : (*random)() % 4;
  if (kind == 0) return {};
  if (kind == 1) return number((*random)());
  if (kind <= 3) return text(random_text(random, (*random)() % 8 == 0 ? 3000 : (*random)() % 90));
  if (kind == 4) {
    std::map<std::string, made> members;
    for (std::size_t i = 0; i < count; i++)
      members[random_text(random, 1 + (*random)() % 12)] = random_value(random, depth + 1);
    return object_of(std::move(members));
  }
  std::vector<made> values;
  for (std::size_t i = 0; i < count; i++) values.push_back(random_value(random, depth + 1));
  return array_of(values);
}

TEST(SnapshotTree, KeepsEmptyContainersAndScalars) {
  expect_kept(array_of({}).bytes);
  expect_kept(object_of({}).bytes);
  expect_kept(container_of({{"", text("alone")}}, container_kind::scalar));
  expect_kept(container_of({{"", text(std::string(100000, 'x'))}}, container_kind::scalar));
  expect_kept(array_of({array_of({}), object_of({}), {}}).bytes);
}

TEST(SnapshotTree, KeepsRandomDocuments) {
  for (unsigned seed = 0; seed < 200; seed++) {
    std::mt19937 random(seed);
    std::vector<made> values;
    for (unsigned i = 0; i < seed % 12; i++) values.push_back(random_value(&random, 0));
    SCOPED_TRACE(seed);
    expect_kept(array_of(values).bytes);
  }
}

TEST(SnapshotTree, KeepsMoreThanMaximalNesting) {
  made nested = text(std::string(3000, 'x'));
  for (int depth = 0; depth < 1000; depth++) nested = array_of({nested, number(7), text("y")});
  expect_kept(nested.bytes);
}

TEST(SnapshotTree, KeepsRepeatedElements) {
  const std::vector<made> zeros(100000, number(0));
  expect_kept(array_of(zeros).bytes);
  const std::vector<made> texts(20000, text(std::string(400, 'a')));
  pool parts;
  const std::string document = array_of(texts).bytes;
  EXPECT_LT(parts.store(document), 20U);
  EXPECT_EQ(parts.read(document.size()), document);
}

// A conversation of messages of 1 kB that grows at a place.
std::pair<std::size_t, std::size_t> growth(const std::function<std::size_t(std::size_t)>& place) {
  std::mt19937 random(7);
  pool parts;
  std::vector<made> messages;
  std::size_t new_parts = 0;
  std::size_t root_bytes = 0;
  for (std::size_t version = 0; version < 500; version++) {
    const auto at = static_cast<std::ptrdiff_t>(place(messages.size()));
    messages.insert(messages.begin() + at, text(random_text(&random, 1000)));
    const std::string document =
        object_of({{"messages", array_of(messages)}, {"turn", number(1)}}).bytes;
    new_parts += parts.store(document);
    root_bytes += parts.refs().size();
    if (version % 50 == 0) {
      EXPECT_EQ(parts.read(document.size()), document);
    }
  }
  return {new_parts, root_bytes};
}

TEST(SnapshotTree, AddsLittleForAMessageAtTheEnd) {
  const auto [parts, bytes] = growth([](std::size_t size) { return size; });
  EXPECT_LT(parts, 600U);
  EXPECT_LT(bytes, 500U * 250);
}

TEST(SnapshotTree, AddsLittleForAMessageAtTheFront) {
  const auto [parts, bytes] = growth([](std::size_t) { return 0; });
  EXPECT_LT(parts, 600U);
  EXPECT_LT(bytes, 500U * 250);
}

TEST(SnapshotTree, AddsLittleForAMessageAnywhere) {
  std::mt19937 random(3);
  const auto [parts, bytes] = growth([&](std::size_t size) { return random() % (size + 1); });
  EXPECT_LT(parts, 500U * 3);
  EXPECT_LT(bytes, 500U * 300);
}

TEST(SnapshotTree, GivesEqualDocumentsEqualDigests) {
  std::mt19937 random(11);
  std::vector<made> values;
  for (int i = 0; i < 100; i++) values.push_back(random_value(&random, 0));
  const std::string document = array_of(values).bytes;
  const std::string copy = document;
  const tree first(document, {9}, test_hash, nullptr);
  const tree second(copy, {9}, test_hash, nullptr);
  const tree salted(copy, {8}, test_hash, nullptr);
  EXPECT_EQ(first.root_digest(), second.root_digest());
  EXPECT_NE(first.root_digest(), salted.root_digest());
}

TEST(SnapshotTree, StopsWhenAsked) {
  const std::string document = array_of(std::vector<made>(1000, text(std::string(300, 'x')))).bytes;
  EXPECT_THROW(tree(document, {}, test_hash, [] { return true; }), stopped);
}

std::string written(const std::vector<part_id>& ids) {
  std::string bytes;
  reference_writer writer(&bytes);
  writer.list(ids);
  return bytes;
}

TEST(SnapshotReferences, KeepsIdsOfAnyDistance) {
  const std::vector<part_id> ids{1, 2, 3, 1, INT64_MAX, INT64_MIN, -5, 0, 1LL << 40};
  EXPECT_EQ(read_list(written(ids)), ids);
}

TEST(SnapshotReferences, KeepsRandomLists) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 3000; round++) {
    std::vector<part_id> ids;
    const unsigned scale = random() % 62;
    for (std::size_t left = 1 + random() % 120; left > 0; left--)
      ids.push_back(static_cast<part_id>(random() % 20 == 0 ? random() : random() >> (63 - scale)));
    ASSERT_EQ(read_list(written(ids)), ids) << "round " << round;
  }
}

TEST(SnapshotReferences, TakeAboutAsManyBitsAsTheDifferencesHave) {
  std::mt19937 random(13);
  std::vector<part_id> ids;
  for (int i = 0; i < 200; i++) ids.push_back(1'000'000 + static_cast<part_id>(random() % 1000));
  EXPECT_LE(written(ids).size(), ids.size() * 11 / 8 + 8);
  // Neighbours, one of which is far away: two bits each, but for that one.
  for (std::size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<part_id>(i);
  ids[100] = 1'000'000'000;
  EXPECT_LE(written(ids).size(), ids.size() * 3 / 8 + 20);
}

TEST(SnapshotReferences, KeepsHoles) {
  std::string bytes;
  reference_writer writer(&bytes);
  writer.number(2);
  writer.number(3);
  writer.list({7, 9, 8});
  writer.number(0);
  writer.list({10});
  const std::vector<hole_view> holes = read_holes(bytes);
  ASSERT_EQ(holes.size(), 2U);
  EXPECT_EQ(holes[0].index, 3U);
  EXPECT_EQ(holes[0].parts, (std::vector<part_id>{7, 9, 8}));
  EXPECT_EQ(holes[1].index, 4U);
  EXPECT_EQ(holes[1].parts, (std::vector<part_id>{10}));
  EXPECT_EQ(read_ids(bytes, true), (std::vector<part_id>{7, 9, 8, 10}));
}

TEST(SnapshotReferences, RefusesDamagedBytes) {
  EXPECT_THROW(read_list(""), damaged);
  EXPECT_THROW(read_list(std::string("\x05\x02", 2)), damaged);
  EXPECT_THROW(read_list(std::string("\x01\x02\x03", 3)), damaged);
  EXPECT_THROW(read_list(std::string(11, '\xff')), damaged);
  EXPECT_THROW(read_holes(std::string("\x7f\x01", 2)), damaged);
  // More low bits than the writer ever takes; a list of nothing; bits behind the last id.
  EXPECT_THROW(read_list(std::string("\x02\x02\x29\x01\x01", 5)), damaged);
  EXPECT_THROW(read_list(std::string("\0", 1)), damaged);
  std::string bytes = written({5, 6});
  EXPECT_EQ(read_list(bytes), (std::vector<part_id>{5, 6}));
  bytes.back() = static_cast<char>(bytes.back() | 0x80);
  EXPECT_THROW(read_list(bytes), damaged);
  // Whatever a bit is turned into, or where the bytes end: never more than an error.
  const std::string whole = written({1, 900, 20, 1LL << 50, 3, 4, 5});
  for (std::size_t bit = 0; bit < whole.size() * 8; bit++) {
    std::string other = whole;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    try {
      (void)read_list(other);
    } catch (const damaged&) {
    }
    EXPECT_THROW(read_list(whole.substr(0, bit / 8)), damaged);
  }
}

TEST(SnapshotAssembly, RefusesWhatIsNotWhole) {
  std::mt19937 random(5);
  std::vector<made> values;
  for (int i = 0; i < 50; i++) values.push_back(text(random_text(&random, 400)));
  const std::string document = array_of(values).bytes;
  pool parts;
  parts.store(document);
  EXPECT_THROW((void)parts.read(document.size() - 4), damaged);
  EXPECT_THROW((void)parts.read(document.size() + 4), damaged);
  std::string out(64, '\0');
  std::string refs;
  reference_writer writer(&refs);
  writer.list({77});
  const stored_part root{false, {}, refs};
  EXPECT_THROW(assemble(root, {}, out.data(), out.size(), nullptr), damaged);
  // A node that contains itself
  stored_parts circle;
  circle.add(77, root);
  EXPECT_THROW(assemble(root, circle, out.data(), out.size(), [] { return true; }), stopped);
}

TEST(SnapshotLayout, RefusesContainersThatEndTooEarly) {
  const std::string document = array_of({text("one"), number(3), text("two")}).bytes;
  for (std::size_t size = 0; size < document.size(); size++) {
    const std::string cut = document.substr(0, size);
    EXPECT_THROW(
        {
          container_reader reader(cut);
          element each;
          while (reader.read(&each)) {
          }
        },
        damaged)
        << size;
  }
}

}  // namespace
}  // namespace stash::memory
