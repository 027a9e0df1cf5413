// Synchronised tables as the worker sees them: read from stash.vector_sync and the catalogs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weaviate/uuid.hpp"

#include "boundary/postgres.hpp"

namespace stash {

struct vector_column {
  std::string column;
  std::string name;    // empty: the unnamed vector
  int dimensions = 0;  // 0: not known yet
  bool cast = false;   // a type of pgvector's
};

struct property_column {
  std::string column;
  std::string name;
  std::string type;  // Weaviate's: "text", "int[]", …
};

struct key_column {
  std::string name;
  std::string type;    // as SQL writes it
  std::string schema;  // of the operators that compare it, quoted
  Oid type_oid;
  std::int32_t modifier;
};

struct sync_config {
  std::int32_t id = 0;
  Oid relation = InvalidOid;
  Oid owner = InvalidOid;
  std::string table;  // its qualified name, quoted
  std::string collection;
  std::vector<vector_column> vectors;
  std::vector<property_column> properties;
  std::vector<key_column> key;
  std::string tenant_column;
  std::string key_space;
  std::string distance;
  std::string index;
  std::string consistency;
  int replication_factor = 1;
  // Rows whose embedding has another number of dimensions than vectors[0] have no object.
  bool one_length = false;
  bool paused = false;
  bool backfill = true;  // a collection that had to be made is filled
  // The table is gone: only deletions are left to do.
  bool dropped = false;
  // Why it cannot be read, a column that is missing for one; empty: it can.
  std::string problem;

  bool operator==(const sync_config& other) const;
};

// Whether keys of the one are keys of the other: their columns and types.
bool same_key(const sync_config& one, const sync_config& two);

// Reads all of them; inside as_owner, in a transaction.
void load_sync_configs(std::map<std::int32_t, sync_config>* configs);

// One, for a session: the oldest sync of a table; of those with the collection, and with the
// embedding column, which may both be nullptr. The column's vector is put first. False when there
// is none.
bool load_sync_of(Oid relation, const char* collection, const char* column, sync_config* config);

// The id of the object of a row with this key.
weaviate::uuid object_id_of(const sync_config& config, std::string_view key);

// The identifier, quoted where SQL needs it.
std::string quoted(const std::string& name);

}  // namespace stash
