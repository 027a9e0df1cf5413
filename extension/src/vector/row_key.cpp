// See row_key.hpp.
#include "vector/row_key.hpp"

#include "boundary/postgres.hpp"

namespace stash {

key_columns primary_key_of(Relation relation) {
  key_columns key = {};
  const Oid index = compat::primary_key_index(relation);
  if (!OidIsValid(index)) return key;
  HeapTuple row = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(row)) return key;
  const auto* form = reinterpret_cast<Form_pg_index>(GETSTRUCT(row));
  key.count = form->indnkeyatts;
  for (int i = 0; i < key.count; i++) key.numbers[i] = form->indkey.values[i];
  ReleaseSysCache(row);
  return key;
}

bool prints_by_settings(Oid type) {
  switch (getBaseType(type)) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case NUMERICOID:
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case NAMEOID:
    case UUIDOID:
      return false;
    default:
      return true;
  }
}

int enter_key_settings() {
  const int nest = NewGUCNestLevel();
  static const char* const fixed[][2] = {{"datestyle", "ISO"},
                                         {"intervalstyle", "postgres"},
                                         {"timezone", "UTC"},
                                         {"bytea_output", "hex"},
                                         {"extra_float_digits", "1"}};
  for (const auto& [name, value] : fixed)
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
  return nest;
}

void leave_key_settings(int nest) { AtEOXact_GUC(true, nest); }

}  // namespace stash
