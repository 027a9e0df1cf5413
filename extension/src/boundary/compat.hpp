// What differs between PostgreSQL 15, 16, 17 and 18, and nothing else. Included by postgres.hpp
// only.
#pragma once

#if PG_VERSION_NUM < 150000
#error "pg_stash needs PostgreSQL 15 or later"
#endif

namespace stash::compat {

// The index of this backend among all processes that own a PGPROC: used to pick a counter shard.
inline int process_number() {
#if PG_VERSION_NUM >= 170000
  return MyProcNumber;
#else
  return MyProc != nullptr ? MyProc->pgprocno : 0;
#endif
}

// PostgreSQL 17 gave custom wait events names of their own; before that an extension shares one.
inline uint32 wait_event_new(const char* name) {
#if PG_VERSION_NUM >= 170000
  return WaitEventExtensionNew(name);
#else
  (void)name;
  return PG_WAIT_EXTENSION;
#endif
}

inline bool is_table_owner(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, relation, role);
#else
  return pg_class_ownercheck(relation, role);
#endif
}

// The primary key's index, unless its check can be deferred.
inline Oid primary_key_index(Relation relation) {
#if PG_VERSION_NUM >= 180000
  return RelationGetPrimaryKeyIndex(relation, false);
#else
  return RelationGetPrimaryKeyIndex(relation);
#endif
}

inline bool may_use_schema(Oid schema, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
  return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

inline bool may_execute(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
  return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

// PostgreSQL 16 can insert into summarizing indexes alone.
inline void insert_index_tuples(ResultRelInfo* target, TupleTableSlot* slot, EState* state) {
#if PG_VERSION_NUM >= 160000
  List* rechecked = ExecInsertIndexTuples(target, slot, state, false, false, nullptr, NIL, false);
#else
  List* rechecked = ExecInsertIndexTuples(target, slot, state, false, false, nullptr, NIL);
#endif
  list_free(rechecked);
}

// PostgreSQL 15 declares tree walkers without a prototype for the callback.
using tree_walker = bool (*)(Node*, void*);
#if PG_VERSION_NUM < 160000
inline bool (*untyped(tree_walker walker))() {
  return reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker));
}
#endif

inline bool walk_expression(Node* node, tree_walker walker, void* context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_walker(node, walker, context);
#else
  return expression_tree_walker(node, untyped(walker), context);
#endif
}

inline bool walk_query(Query* query, tree_walker walker, void* context) {
#if PG_VERSION_NUM >= 160000
  return query_tree_walker(query, walker, context, 0);
#else
  return query_tree_walker(query, untyped(walker), context, 0);
#endif
}

}  // namespace stash::compat
