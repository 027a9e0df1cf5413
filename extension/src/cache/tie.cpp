// What a tie invalidates: templates, and the trigger functions that fill them (see tie.hpp).
#include "cache/tie.hpp"

#include "boundary/guard.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "parser/parse_func.h"
}

namespace stash {
namespace {

[[noreturn]] void report_malformed() {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("malformed tag template"),
                  errhint("Write a column in braces, as in 'user:{id}'; '{{' is a brace.")));
  pg_unreachable();
}

// Splits a template into literal text and column names: visit(text, is_column) until it says false.
// False when the template is malformed.
template <typename Visit>
bool each_piece(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const char first = text.front();
    if (first == '{' || first == '}') {
      if (text.size() > 1 && text[1] == first) {
        if (!visit(text.substr(0, 1), false)) return true;
        text.remove_prefix(2);
        continue;
      }
      const std::size_t end = text.find('}');
      if (first == '}' || end == std::string_view::npos || end == 1) return false;
      if (!visit(text.substr(1, end - 1), true)) return true;
      text.remove_prefix(end + 1);
      continue;
    }
    const std::size_t end = text.find_first_of("{}");
    if (!visit(text.substr(0, end), false)) return true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
  return true;
}

int column_number(std::string_view name, TupleDesc shape) {
  for (int i = 0; i < shape->natts; i++) {
    const FormData_pg_attribute* column = TupleDescAttr(shape, i);
    if (!column->attisdropped && name == NameStr(column->attname)) return i + 1;
  }
  return InvalidAttrNumber;
}

void invalidate_row(const Trigger* trigger, HeapTuple row, TupleDesc shape, space_index space) {
  if (row == nullptr) return;
  static std::string* tag = new std::string;
  if (tag_of_row(trigger->tgargs[0], row, shape, tag))
    invalidate_tag_text(space, *tag);
  else
    invalidate_tie(trigger->tgargs[0], trigger->tgargs[1]);
}

const Trigger* called_by_trigger(FunctionCallInfo fcinfo) {
  if (!CALLED_AS_TRIGGER(fcinfo) ||
      reinterpret_cast<TriggerData*>(fcinfo->context)->tg_trigger->tgnargs != 2)
    ereport(ERROR,
            (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
             errmsg("this function is called by triggers of stash.cache_invalidate_on only")));
  return reinterpret_cast<TriggerData*>(fcinfo->context)->tg_trigger;
}

// A namespace that was dropped has nothing to invalidate; it must not stop writes to the table.
// The trigger works for whoever changes the row: roles of a namespace do not matter here.
int space_for_trigger(const char* name) {
  if (!store_attached()) return -1;
  // A bulk change comes here for each row.
  static char known_name[max_space_name + 1] = "";
  static int known = -1;
  static std::uint32_t known_generation = 0;
  if (known >= 0 && std::strcmp(known_name, name) == 0 &&
      shared_store().space_at(static_cast<space_index>(known)).generation.load() ==
          known_generation)
    return known;
  check_prepared_at_start();
  known = std::strlen(name) <= max_space_name ? slot_of(MyDatabaseId, name) : -1;
  if (known >= 0) {
    strlcpy(known_name, name, sizeof known_name);
    known_generation = shared_store().space_at(static_cast<space_index>(known)).generation.load();
  }
  return known;
}

}  // namespace

bool tag_of_row(std::string_view tag_template, HeapTuple row, TupleDesc shape, std::string* tag) {
  tag->clear();
  bool complete = true;
  const bool formed = each_piece(tag_template, [&](std::string_view text, bool is_column) {
    if (!is_column) {
      tag->append(text);
      return true;
    }
    const int number = column_number(text, shape);
    bool null = true;
    const Datum value = number == InvalidAttrNumber ? 0 : heap_getattr(row, number, shape, &null);
    if (null) return complete = false;
    Oid output = InvalidOid;
    bool variable = false;
    getTypeOutputInfo(TupleDescAttr(shape, number - 1)->atttypid, &output, &variable);
    char* printed = OidOutputFunctionCall(output, value);
    tag->append(printed);
    pfree(printed);
    return tag->size() <= max_tag_size || (complete = false);
  });
  return formed && complete && !tag->empty() && tag->size() <= max_tag_size;
}

void check_template(std::string_view tag_template, Relation relation) {
  if (tag_template.empty()) report_malformed();
  if (tag_template.size() > max_tag_size)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("tag template is too long"),
                    errhint("It can have %zu bytes, as tags can.", max_tag_size)));
  std::string_view missing;
  const bool formed = each_piece(tag_template, [&](std::string_view text, bool is_column) {
    if (is_column && column_number(text, RelationGetDescr(relation)) == InvalidAttrNumber)
      missing = text;
    return missing.empty();
  });
  if (!formed) report_malformed();
  if (!missing.empty())
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%.*s\" of relation \"%s\" does not exist",
                           static_cast<int>(missing.size()), missing.data(),
                           RelationGetRelationName(relation))));
}

void invalidate_tie(std::string_view tag_template, std::string_view space_name) {
  const int space = space_for_trigger(pnstrdup(space_name.data(), space_name.size()));
  if (space < 0) return;
  static std::string* fixed = new std::string;
  fixed->clear();
  bool columns = false;
  (void)each_piece(tag_template, [&](std::string_view text, bool is_column) {
    columns = columns || is_column;
    if (!columns) fixed->append(text);
    return !columns;
  });
  const std::size_t colon = fixed->find(':');
  const auto index = static_cast<space_index>(space);
  if (!columns) {
    invalidate_tag_text(index, *fixed);
  } else if (colon != std::string::npos) {
    fixed->resize(colon + 1);
    fixed->push_back('*');
    invalidate_tag_text(index, *fixed);
  } else {
    invalidate_space(index);
  }
}

Oid row_trigger_function() {
  const Oid schema = get_namespace_oid("stash", true);
  if (!OidIsValid(schema)) return InvalidOid;
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("cache_invalidate_row"),
                         PointerGetDatum(buildoidvector(nullptr, 0)), ObjectIdGetDatum(schema));
}

Oid truncate_trigger_function() {
  const Oid schema = get_namespace_oid("stash", true);
  if (!OidIsValid(schema)) return InvalidOid;
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
                         CStringGetDatum("cache_invalidate_truncate"),
                         PointerGetDatum(buildoidvector(nullptr, 0)), ObjectIdGetDatum(schema));
}

// The row trigger: the old image's tag and the new one's.
STASH_FUNCTION(cache_invalidate_row) {
  const Trigger* trigger = called_by_trigger(fcinfo);
  const auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
  const int space = space_for_trigger(trigger->tgargs[1]);
  if (space >= 0) {
    TupleDesc shape = RelationGetDescr(data->tg_relation);
    invalidate_row(trigger, data->tg_trigtuple, shape, static_cast<space_index>(space));
    if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
      invalidate_row(trigger, data->tg_newtuple, shape, static_cast<space_index>(space));
  }
  return PointerGetDatum(nullptr);
}

// The TRUNCATE trigger: all rows' tags.
STASH_FUNCTION(cache_invalidate_truncate) {
  const Trigger* trigger = called_by_trigger(fcinfo);
  invalidate_tie(trigger->tgargs[0], trigger->tgargs[1]);
  return PointerGetDatum(nullptr);
}

}  // namespace stash
