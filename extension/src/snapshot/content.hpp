// Documents between jsonb and the tables: reading parts, putting documents together, and what the
// core needs of PostgreSQL (hash, questions for interrupts, errors).
//
// Memory: a document is put together from its parts in memory, about twice its size beside it.
#pragma once

#include "boundary/guard.hpp"
#include "session/statement.hpp"
#include "snapshot/assembly.hpp"
#include "snapshot/tree.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

// Runs core code that borrows palloc'd memory; errors become PostgreSQL's: XX001 for damaged ones.
// `body` calls nothing that can ereport, and can be run again from the start.
void report_damaged(const char* text);
template <typename Body>
void run_core(Body body) {
  for (;;) {
    char text[256];
    bool broken = false;
    try {
      body();
      return;
    } catch (const damaged& error) {
      strlcpy(text, error.what(), sizeof text);
      broken = true;
    } catch (const stopped&) {
    }
    if (broken) report_damaged(text);
    CHECK_FOR_INTERRUPTS();
  }
}
// For tree and assemble: an interrupt waits that would be served.
bool interrupt_waits();

// Call prepare_hash before the core is run with part_hash.
void prepare_hash();
void part_hash(std::string_view bytes, digest* hash);

Datum digest_datum(const digest& hash);  // a uuid, palloc'd
digest digest_of(Datum uuid);
// A jsonb datum's container, detoasted into the present context.
std::string_view container_of(Datum jsonb);
// The bytes of a bytea or another varlena.
std::string_view bytes_of(Datum varlena);
// A jsonb with this container, or this value as a jsonb; palloc'd.
Datum jsonb_of(std::string_view container);
Datum jsonb_of_value(const value_view& value);

// Reads parts of a pool, with everything below them, inside as_owner. What was read lives as long
// as SPI's memory. with_content: else only how they hang together.
enum class look { as_caller, latest };
void read_parts(std::int64_t pool, const std::vector<part_id>& from, look how, bool with_content,
                stored_parts* parts);

// The document of a root that was stored with its size, in the caller's context. Inside as_owner.
Datum read_document(std::int64_t pool, std::int64_t size, const stored_part& root, look how);

}  // namespace stash::memory
