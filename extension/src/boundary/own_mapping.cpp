// See own_mapping.hpp.
#include "boundary/own_mapping.hpp"

#include <cstdint>
#include <cstring>

#include <sys/mman.h>

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/pg_shmem.h"
}

namespace stash {
namespace {

// What the kernel calls a transparent huge page on every platform with pages of 4 kB.
constexpr std::size_t huge_page = std::size_t{2} << 20;

struct own_mapping {
  char* start = nullptr;
  std::size_t size = 0;
  bool reserved = false;   // made of huge pages already
  std::size_t backed = 0;  // how far back_with_huge_pages came
  int failures_in_a_row = 0;
};
own_mapping mapping;

std::size_t rounded(std::size_t size) { return (size + huge_page - 1) / huge_page * huge_page; }

constexpr int shared_pages = MAP_SHARED | MAP_ANONYMOUS;

#ifdef MAP_HUGETLB
void* map_reserved(std::size_t size) {
  return mmap(nullptr, size, PROT_READ | PROT_WRITE, shared_pages | MAP_HUGETLB, -1, 0);
}
#else
void* map_reserved(std::size_t) { return MAP_FAILED; }
#endif

// Addresses first, with room to choose a multiple of the huge page's size; then memory there.
void* map_aligned(std::size_t size) {
  void* room = mmap(nullptr, size + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return MAP_FAILED;
  auto* const first = static_cast<char*>(room);
  const std::size_t skipped =
      rounded(reinterpret_cast<std::uintptr_t>(first)) - reinterpret_cast<std::uintptr_t>(first);
  char* const start = first + skipped;
  if (skipped > 0) munmap(first, skipped);
  if (skipped < huge_page) munmap(start + size, huge_page - skipped);
  return mmap(start, size, PROT_READ | PROT_WRITE, shared_pages | MAP_FIXED, -1, 0);
}

}  // namespace

bool own_mapping_wanted() {
#if defined(EXEC_BACKEND) || !defined(__linux__)
  return false;
#else
  return huge_pages == HUGE_PAGES_TRY;
#endif
}

void* make_own_mapping(std::size_t size) {
  const std::size_t whole = rounded(size);
  // Not unmapped: whoever outlives a crash (the system logger) would keep the old memory alive.
  if (mapping.start != nullptr && mapping.size == whole) {
    if (madvise(mapping.start, whole, MADV_REMOVE) != 0) std::memset(mapping.start, 0, whole);
    mapping.backed = 0;
    mapping.failures_in_a_row = 0;
    return mapping.start;
  }
  void* memory = map_reserved(whole);
  const bool reserved = memory != MAP_FAILED;
  if (!reserved) memory = map_aligned(whole);
  if (memory == MAP_FAILED)
    ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY),
                    errmsg("could not map %zu bytes of shared memory for pg_stash: %m", whole),
                    errhint("Decrease stash.memory.")));
  mapping = {static_cast<char*>(memory), whole, reserved, 0, 0};
  return memory;
}

bool back_with_huge_pages() {
#ifdef __linux__
#ifndef MADV_COLLAPSE
  constexpr int MADV_COLLAPSE = 25;  // glibc before 2.37 does not know it
#endif
  // One that is missing now and then is no harm; a kernel that never can is not asked for all.
  constexpr int most_failures = 8;
  if (mapping.start == nullptr || mapping.reserved || mapping.backed == mapping.size) return false;
  char* const at = mapping.start + mapping.backed;
  // It has to hold a page for there to be something to put together.
  (void)*static_cast<volatile char*>(at);
  const bool done = madvise(at, huge_page, MADV_COLLAPSE) == 0;
  mapping.failures_in_a_row = done ? 0 : mapping.failures_in_a_row + 1;
  if (mapping.failures_in_a_row == most_failures) {
    ereport(DEBUG1,
            (errmsg_internal("pg_stash: no huge pages from byte %zu on: %m", mapping.backed)));
    mapping.backed = mapping.size;
    return false;
  }
  mapping.backed += huge_page;
  return mapping.backed < mapping.size;
#else
  return false;
#endif
}

}  // namespace stash
