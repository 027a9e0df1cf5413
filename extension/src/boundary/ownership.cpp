// See ownership.hpp.
#include "boundary/ownership.hpp"

namespace stash {

void check_table_owner(Oid relation) {
  const char* name = get_rel_name(relation);
  if (name == nullptr)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("relation with OID %u does not exist", relation)));
  if (!compat::is_table_owner(relation, GetUserId()))
    aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relation)), name);
}

}  // namespace stash
