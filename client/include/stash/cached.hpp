// A function whose answers are cached: calls go through the cache, with leases and tags.
//
//   auto find_user = stash::cached(client.cache(), "user", [&](int id) { return load_user(id); },
//                                  {.ttl = stash::seconds{60}, .tags = {"user:{1}"}});
//   user ann = find_user(7);   // the key is user:7, its tag user:7
//
// Together with admin().invalidate_on("users", "user:{id}"), a commit that changes the row makes
// the answer go. The arguments are written into the key as JSON, so they need to_json; {1}, {2}, …
// in a tag stand for the arguments, texts without quotes.
#pragma once

#include <memory>
#include <type_traits>

#include "stash/cache.hpp"

namespace stash {

namespace detail {
// What a function computes; a task<T> computes a T.
template <typename R>
struct computed {
  using type = R;
};
}  // namespace detail

/// The key of an answer: name:1,"two".
STASH_API std::string cached_key(std::string_view name, const std::vector<json>& arguments);
/// A tag with {1}, {2}, … replaced by the arguments; what is no number of one stays as it is.
STASH_API std::string cached_tag(std::string_view pattern, const std::vector<json>& arguments);

/// Made by cached(). Cheap to copy; refers to what its cache refers to. As thread-safe as the
/// function.
template <typename Cache, typename Function>
class cached_function {
 public:
  /// See cached().
  cached_function(Cache through, std::string name, Function compute, fetch_options options)
      : cache_(std::move(through)),
        name_(std::move(name)),
        compute_(std::make_shared<Function>(std::move(compute))),
        options_(std::move(options)) {}

  /// The function's answer for these arguments: the cached one, or a new one, which is stored. One
  /// caller computes, others wait for it; what a commit made stale meanwhile is returned, not
  /// stored. Errors: those of fetch_or_compute and of the function, of which nothing is stored.
  template <typename... Arguments>
  auto operator()(const Arguments&... arguments) {
    using returned = std::decay_t<std::invoke_result_t<Function&, const Arguments&...>>;
    using value = typename detail::computed<returned>::type;
    static_assert(!std::is_void_v<value>, "a function without an answer cannot be cached");
    const std::vector<json> written{json(arguments)...};
    fetch_options mine = options_;
    for (std::string& each : mine.tags) each = cached_tag(each, written);
    return cache_.template fetch_or_compute<value>(
        cached_key(name_, written),
        [compute = compute_, ... copies = arguments] { return (*compute)(copies...); },
        std::move(mine));
  }
  /// Forgets the answer for these arguments; false when there is none.
  template <typename... Arguments>
  auto forget(const Arguments&... arguments) {
    return cache_.erase(cached_key(name_, {json(arguments)...}));
  }

 private:
  Cache cache_;
  std::string name_;
  std::shared_ptr<Function> compute_;
  fetch_options options_;
};

/// A function whose answers are cached in this namespace under NAME:ARGUMENTS. Its type, or that of
/// its task, needs to_json and from_json. Two functions of one name share their answers.
template <typename Cache, typename Function>
cached_function<Cache, Function> cached(Cache through, std::string name, Function compute,
                                        fetch_options options = {}) {
  return {std::move(through), std::move(name), std::move(compute), std::move(options)};
}

}  // namespace stash
