// See target.hpp.
#include <nlohmann/json.hpp>

#include "vector/target.hpp"

#include "session/statement.hpp"
#include "vector/place.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace stash {
namespace {

statement read_target{
    "SELECT w.url, w.options::text, w.system, w.place, (SELECT k.api_key FROM stash.weaviate_key "
    "AS k)"
    " FROM stash.weaviate AS w",
    0,
    {}};

const char* text_of(int column) {
  bool null = false;
  const Datum value = result(0, column, &null);
  return null ? "" : TextDatumGetCString(value);
}

// The file's first line. The worker reads as the server's user.
bool read_key_file(const char* path, std::string* key) {
  FILE* file = AllocateFile(path, "r");
  if (file == nullptr) return false;
  char line[4096];
  const bool read = fgets(line, sizeof line, file) != nullptr;
  FreeFile(file);
  if (!read) return false;
  line[std::strcspn(line, "\r\n")] = '\0';
  *key = line;
  explicit_bzero(line, sizeof line);
  return !key->empty();
}

const char* copied_from(const char* system, const char* place, bool follow) {
  if (std::strcmp(system, this_system()) != 0)
    return psprintf("this database is a copy: it was configured as database %s, and is %s", system,
                    this_system());
  if (!follow && std::strcmp(place, this_place()) != 0)
    return psprintf("this server may be a copy: it was configured at %s, and is at %s", place,
                    this_place());
  return nullptr;
}

}  // namespace

void load_target(weaviate_target* target) {
  if (run(read_target, {}, true) == 0) {
    target->problem = "no Weaviate is configured";
    return;
  }
  target->configured = true;
  target->server.url = text_of(1);
  const char* options = text_of(2);
  const char* system = text_of(3);
  const char* place = text_of(4);
  target->server.api_key = text_of(5);
  const nlohmann::json given = nlohmann::json::parse(options, nullptr, false);
  const bool follow = given.is_object() && given.value("follow_promotion", false);
  const std::string file = given.is_object() ? given.value("api_key_file", "") : "";
  target->server.timeout_ms = given.is_object() ? given.value("timeout_ms", 60'000) : 60'000;
  if (const char* copied = copied_from(system, place, follow))
    target->problem = std::string(copied) + "; stash.weaviate_adopt() goes on from here";
  else if (!file.empty() && !read_key_file(file.c_str(), &target->server.api_key))
    target->problem = "the file with the API key cannot be read";
}

}  // namespace stash
