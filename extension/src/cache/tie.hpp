// Ties: cache tags bound to the committed changes of a table's rows.
//
// A tie is nothing but triggers, so pg_dump carries it and DROP TABLE ends it: one AFTER ROW
// trigger, ENABLE ALWAYS, sorting first by name, which partitions inherit; and one TRUNCATE trigger
// on the table and on each partition. What triggers do not see (ALTER TABLE, ATTACH, DETACH, DROP)
// the utility and object-access hooks catch, and invalidate the whole class of the tie's tags.
#pragma once

#include <string>
#include <string_view>

#include "boundary/postgres.hpp"

namespace stash {

// Adds the tags that a row has under a template; '{column}' stands for a column's text, '{{' and
// '}}' for braces. False when a column is null or missing, or the tag too long: then only the class
// will do.
bool tag_of_row(std::string_view tag_template, HeapTuple row, TupleDesc shape, std::string* tag);

// Raises 22023 (malformed) or 42703 (no such column).
void check_template(std::string_view tag_template, Relation relation);

// Invalidates everything that rows of the tie may have tagged: the tag itself, its class, or the
// namespace.
void invalidate_tie(std::string_view tag_template, std::string_view space_name);

struct tie {
  const char* tag_template;
  const char* space_name;
};
// Calls visit(tie) for each tie of an open relation.
template <typename Visit>
void each_tie(Relation relation, Visit visit);

// The OIDs of the two trigger functions, or InvalidOid without the extension.
Oid row_trigger_function();
Oid truncate_trigger_function();

// Makes sure that every partition below has the truncate triggers of the ties.
void tie_partitions(Oid relation);
// Makes the ties' triggers fire always again, after ENABLE TRIGGER made them ordinary ones.
void keep_always(Oid relation);
// Drops truncate triggers from a table that has no row trigger of the same tie any more.
void untie_detached(Oid relation);

template <typename Visit>
void each_tie(Relation relation, Visit visit) {
  const Oid function = row_trigger_function();
  const TriggerDesc* triggers = relation->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
    const Trigger& trigger = triggers->triggers[i];
    if (trigger.tgfoid == function && trigger.tgnargs == 2)
      visit(tie{trigger.tgargs[0], trigger.tgargs[1]});
  }
}

void install_tie_hooks();

}  // namespace stash
