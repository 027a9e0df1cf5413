// See store_checker.hpp.
#include "store_checker.hpp"

namespace stash {

std::vector<std::string> store_checker::faults(const store& owner) {
  return store_checker(owner).faults_;
}

store_checker::census store_checker::count(const store& owner) {
  return store_checker(owner).census_;
}

store_checker::store_checker(const store& owner)
    : owner_(owner),
      marks_(std::size_t{owner.shape_.partitions} * owner.shape_.blocks_per_partition, nullptr),
      space_entries_(owner.shape_.spaces),
      space_bytes_(owner.shape_.spaces),
      linked_(marks_.size() * 8) {
  for (std::uint32_t p = 0; p < owner_.shape_.partitions; p++) {
    check_free(p);
    check_entries(p);
    check_queues(p);
  }
  check_records();
  check_totals();
  check_stamps();
}

void store_checker::expect(bool holds, const char* what, std::uint64_t where) {
  if (!holds) fault(std::string(what) + " at " + std::to_string(where));
}

bool store_checker::mark(block_index block, const char* as) {
  if (block >= marks_.size()) {
    fault(std::string(as) + " outside of the store: " + std::to_string(block));
    return false;
  }
  if (marks_[block] != nullptr) {
    fault("block " + std::to_string(block) + " is " + marks_[block] + " and " + as);
    return false;
  }
  marks_[block] = as;
  return true;
}

void store_checker::check_free(std::uint32_t partition) {
  const stash::partition& p = owner_.partitions_[partition];
  std::uint32_t free = 0;
  for (block_index at = p.free_list; at != none && mark(at, "free"); at = owner_.blocks_[at].next)
    free++;
  expect(free == p.free_count, "the number of free blocks is wrong", partition);
  for (block_index at = p.untouched; at < p.end; at++) mark(at, "untouched");
  std::uint32_t returned = 0;
  for (block_index at = p.returned.load(); at != none && mark(at, "returned");
       at = owner_.blocks_[at].next) {
    expect(at / owner_.shape_.blocks_per_partition == partition, "a block returned elsewhere", at);
    returned++;
  }
  census_.available += free + returned + (p.end - p.untouched);
}

void store_checker::check_entries(std::uint32_t partition) {
  std::uint32_t entries = 0;
  for (std::uint32_t bucket = 0; bucket < owner_.shape_.buckets_per_partition; bucket++)
    for (block_index at = owner_.bucket_of(partition, bucket); at != none;
         at = owner_.entry_at(at).bucket_next) {
      if (!mark(at, "an entry")) break;
      expect((owner_.entry_at(at).hash & (owner_.shape_.buckets_per_partition - 1)) == bucket,
             "an entry in the wrong bucket", at);
      expect(at / owner_.shape_.blocks_per_partition == partition,
             "an entry in the wrong partition", at);
      check_entry(at);
      entries++;
    }
  partition_entries_.push_back(entries);
}

void store_checker::check_entry(block_index at) {
  const entry& e = owner_.entry_at(at);
  std::uint32_t blocks = 1;
  for (block_index i = e.next; i != none && mark(i, "a payload"); i = owner_.blocks_[i].next)
    blocks++;
  census_.entries += blocks;
  for (block_index i = e.links; i != none && mark(i, "links"); i = owner_.blocks_[i].next) {
    blocks++;
    census_.links++;
  }
  expect(blocks == store::blocks_for(e), "an entry has the wrong number of blocks", at);
  if (e.space >= space_entries_.size()) return fault("an entry of no namespace");
  space_entries_[e.space]++;
  space_bytes_[e.space] += std::int64_t{blocks} * std::int64_t{block_size};
  owner_.each_link(e, [&](std::uint32_t id) {
    links_expected_++;
    expect(owner_.link_at(id).entry == at, "a link of somebody else's", id);
    linked_[id] = true;
  });
}

void store_checker::check_queues(std::uint32_t partition) {
  std::uint32_t queued = 0;
  for (std::uint32_t s = 0; s < owner_.shape_.spaces; s++) {
    const sieve_queue& queue = owner_.queue(partition, static_cast<space_index>(s));
    std::uint32_t count = 0;
    std::uint32_t newer = none;
    bool hand_found = queue.hand == none;
    for (std::uint32_t at = queue.newest; at != none && count <= queue.count;
         at = owner_.entry_at(at).older) {
      expect(owner_.entry_at(at).newer == newer, "a queue's links disagree", at);
      expect(owner_.entry_at(at).space == s, "an entry in another namespace's queue", at);
      hand_found = hand_found || at == queue.hand;
      newer = at;
      count++;
    }
    expect(queue.oldest == newer, "a queue's end is wrong", s);
    expect(queue.count == count, "a queue's count is wrong", s);
    expect(hand_found, "a queue's hand points outside of it", s);
    queued += count;
  }
  expect(queued == partition_entries_[partition], "queues do not hold all entries", partition);
}

std::uint32_t store_checker::check_list(block_index record, std::uint32_t first, bool dead) {
  const tag_record& r = owner_.record_at(record);
  std::uint32_t count = 0;
  std::uint32_t previous = none;
  for (std::uint32_t id = first; id != none; id = owner_.link_at(id).next) {
    if (id >= linked_.size() || !linked_[id]) {
      fault("a tag's list holds a link of no entry");
      break;
    }
    linked_[id] = false;
    const tag_link& link = owner_.link_at(id);
    expect(link.record == record, "a link on the wrong tag's list", id);
    expect(link.previous == previous, "a tag's links disagree", id);
    const timestamp read_at = owner_.entry_at(link.entry).read_at;
    expect((read_at <= r.changed_at.load()) == dead, "an entry on the wrong list of its tag", id);
    expect(dead || read_at <= r.newest_read, "a tag has not seen its newest entry", id);
    previous = id;
    count++;
  }
  if (!dead) expect(r.live_oldest == previous, "a tag's oldest entry is wrong", record);
  return count;
}

void store_checker::check_records() {
  for (std::uint32_t bucket = 0; bucket < owner_.shape_.tag_buckets; bucket++)
    for (block_index at = owner_.tag_buckets_[bucket]; at != none;
         at = owner_.record_at(at).bucket_next) {
      if (!mark(at, "a tag record")) break;
      census_.records++;
      const tag_record& r = owner_.record_at(at);
      expect(owner_.tag_bucket(r.id) == bucket, "a tag in the wrong bucket", at);
      const std::uint32_t live = check_list(at, r.live_newest, false);
      const std::uint32_t dead = check_list(at, r.dead_newest, true);
      expect(live == r.live_count, "a tag's live entries are miscounted", at);
      expect(live + dead == r.total_count, "a tag's entries are miscounted", at);
      expect(r.total_count > 0, "a tag record that nobody needs", at);
      expect(r.pins == 0, "a tag record is still pinned", at);
      expect(r.in_flux.load() == 0, "a tag record is still in flux", at);
      links_found_ += live + dead;
    }
}

void store_checker::check_totals() {
  expect(links_found_ == links_expected_, "links on no list of their tag", links_expected_);
  std::uint64_t lost = 0;
  for (const char* as : marks_)
    if (as == nullptr) lost++;
  expect(lost == 0, "blocks lost", lost);
  for (std::uint32_t s = 0; s < owner_.shape_.spaces; s++) {
    const space& owned = owner_.space_at(static_cast<space_index>(s));
    expect(owned.entries.load() == space_entries_[s], "a namespace's entries are miscounted", s);
    expect(owned.bytes.load() == space_bytes_[s], "a namespace's bytes are miscounted", s);
  }
}

void store_checker::check_stamps() {
  const auto quiet = [&](const stamp& s, const char* what, std::uint64_t where) {
    expect(s.in_flux.load() == 0 && s.claim.load() == 0, what, where);
  };
  for (std::uint32_t i = 0; i < owner_.shape_.key_stamps; i++)
    quiet(owner_.key_stamps_[i], "a key's slot is not at rest", i);
  for (std::uint32_t i = 0; i < owner_.shape_.tag_stamps; i++)
    quiet(owner_.tag_stamps_[i], "a tag's slot is not at rest", i);
  for (std::uint32_t i = 0; i < owner_.shape_.spaces; i++) {
    quiet(owner_.spaces_[i].all, "a namespace is not at rest", i);
    quiet(owner_.spaces_[i].fills, "a namespace's fills are not at rest", i);
  }
  quiet(owner_.header_->everything, "the store is not at rest", 0);
}

}  // namespace stash
