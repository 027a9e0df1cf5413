// Quick start: a cached value, a computed one, a log-in session, a transaction.
//
// Connects as libpq does by default (PGHOST, PGDATABASE, ...), or to the conninfo given as the
// first argument. Needs CREATE EXTENSION pg_stash in that database.
#include <iostream>

#include "stash/stash.hpp"

struct user {
  std::string name;
  int age = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(user, name, age)
};

int main(int count, char** arguments) {
  try {
    stash::client client({.conninfo = count > 1 ? arguments[1] : "", .max_size = 4});
    auto users = client.cache();

    // One caller computes, others wait for it; stored under a lease, with a tag.
    const user ann =
        users.fetch_or_compute<user>("example:user:1",
                                     [] {
                                       return user{"Ann", 36};
                                     },
                                     {.ttl = stash::seconds{60}, .tags = {"example-user:1"}});
    std::cout << ann.name << " is " << ann.age << '\n';

    // A change and the invalidation of what was cached of it, in one commit.
    client.transact([](stash::transaction& work) {
      work.execute("CREATE TEMPORARY TABLE IF NOT EXISTS visits (who text)");
      work.execute("INSERT INTO visits VALUES ($1)", "Ann");
      const std::vector<std::string> tags{"example-user:1"};
      work.cache().invalidate_tags(tags);
    });
    std::cout << "cached after the change: " << std::boolalpha << users.exists("example:user:1")
              << '\n';

    // A session: its token goes to the browser, and is shown only here.
    auto sessions = client.sessions();
    const auto created = sessions.create({.user_id = "ann", .data = {{"cart", 3}}});
    if (const auto found = sessions.get_by_token(created.token))
      std::cout << "session of " << *found->user_id << ", cart " << found->data["cart"] << '\n';
    sessions.erase(created.id, "log-out");
    std::cout << "session after the log-out: " << sessions.get_by_token(created.token).has_value()
              << '\n';
  } catch (const stash::error& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
