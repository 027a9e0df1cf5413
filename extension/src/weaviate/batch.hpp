// Writing and deleting many objects in one call, and what its answer says of each of them.
//
//   upsert_batch batch(server);
//   for (...) batch.add(object);             // validated before: see validation.hpp
//   engine.submit(batch.take_request());     // the batch stays, to read the answer with
//   batch_result result = batch.read(response);
//
// An upsert replaces the whole object. Two objects with one id in a batch: the last wins, and both
// are called stored; keep them apart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weaviate/errors.hpp"
#include "weaviate/server.hpp"

namespace stash::weaviate {

struct object_fault {
  std::size_t index;  // in the order of add()
  judgement judged;
};

// `whole` is done when the server did what it was asked but for `faults`, each object at most once,
// in the order of their indexes. Otherwise it holds for every object, and there are no faults.
struct batch_result {
  judgement whole;
  std::vector<object_fault> faults;
};

class upsert_batch {
 public:
  explicit upsert_batch(const server& server);

  void add(const object& object);

  [[nodiscard]] std::size_t count() const { return groups_.size(); }
  // Of the body so far.
  [[nodiscard]] std::size_t bytes() const { return body_.size(); }

  // The body moves out; only read() makes sense afterwards.
  [[nodiscard]] http::request take_request();

  // Where one object of a collection and tenant met a read-only shard, all objects of that
  // collection and tenant are to be sent again: servers call some of them stored that are not.
  [[nodiscard]] batch_result read(const http::response& answer) const;

 private:
  weaviate::server server_;
  std::string body_;
  // For each object the number of its collection and tenant.
  std::vector<std::uint32_t> groups_;
  std::map<std::pair<std::string, std::string>, std::uint32_t, std::less<>> group_numbers_;

  void add_connect(const object& object);
  void add_rest(const object& object);
  void doubt_groups(batch_result* result) const;
};

// Deletes objects of one collection and tenant by their ids; absent ones are fine. At most 10,000
// at a time, which is as many as a server deletes in one call by default.
class delete_batch {
 public:
  delete_batch(const server& server, std::string_view collection, std::string_view tenant);

  void add(const uuid& id);

  [[nodiscard]] std::size_t count() const { return ids_.size(); }
  [[nodiscard]] http::request request() const;
  [[nodiscard]] batch_result read(const http::response& answer) const;

 private:
  weaviate::server server_;
  std::string collection_;
  std::string tenant_;
  std::vector<uuid> ids_;
};

}  // namespace stash::weaviate
