// An agent with a memory that can be searched: versions, time travel, a fork, text and embeddings
// fused, and searches in several places at once, by coroutines and by a pipeline.
//
// Connects as libpq does by default (PGHOST, PGDATABASE, ...), or to the conninfo given as the
// first argument. Needs CREATE EXTENSION pg_stash in that database, and the right to create a
// table.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <sstream>

#include "stash/async.hpp"
#include "stash/stash.hpp"

using stash::async::task;

namespace {

const std::string ada = "example:ada";
const std::string bob = "example:bob";

// What an agent knows of one subject.
struct knowledge {
  std::string goal;
  std::vector<std::string> facts;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(knowledge, goal, facts)

// Stands where your embedding model does: every word counts in one of 64 dimensions.
std::vector<float> embed(const std::string& text) {
  std::vector<float> embedding(64);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    unsigned hash = 2166136261;
    for (const char letter : word)
      if (std::isalpha(static_cast<unsigned char>(letter)) != 0)
        hash = (hash ^ static_cast<unsigned>(std::tolower(letter))) * 16777619;
    embedding[hash % embedding.size()]++;
  }
  return embedding;
}

std::string remember(stash::memory memory, const std::string& key, const knowledge& known) {
  std::string text = known.goal;
  for (const std::string& fact : known.facts) text += ' ' + fact;
  return memory.create(ada, known, {.key = key, .embedding = embed(text)}).id;
}

void tell(const std::string& how, const std::vector<stash::memory_hit>& found) {
  std::cout << how << ':';
  for (const stash::memory_hit& each : found)
    std::cout << ' ' << each.agent_id << '/' << each.key << " v" << each.version << " ("
              << each.engine << ')';
  std::cout << '\n';
}

// Three searches at once, each on a connection of its own.
task<void> search_everywhere(stash::async::client& client, const std::string& question) {
  const std::vector<float> near = embed(question);
  // Options have a name in coroutines: of braces in a co_await, g++ 12.2 makes programs that
  // abort.
  stash::memory_search_options of_ada, of_bob;
  of_ada.agent_id = ada;
  of_bob.agent_id = bob;
  stash::local_search_options nearest;
  nearest.max_rows = 1;
  const auto [hers, his, library] = co_await stash::async::when_all(
      client.memory().search(question, near, of_ada),
      client.memory().search(question, near, of_bob),
      client.vectors().search_local("example_library", "embedding", near, nearest));
  std::cout << "at once: " << hers.size() << " of Ada, " << his.size() << " of Bob, and \""
            << library.at(0).properties.at("title").get<std::string>() << "\"\n";
}

// The same in one round trip, on one connection.
void search_by_pipeline(stash::client& client, const std::string& question) {
  const auto on = client.connections().acquire();
  stash::pipeline batch(*on);
  std::vector<stash::pending<std::vector<stash::memory_hit>>> found;
  for (const std::string& agent : {ada, bob})
    found.push_back(batch.memory().search_text(question, {.agent_id = agent}));
  batch.run();
  for (const auto& each : found) tell("by pipeline", each.get());
}

void forget_all(stash::client& client) {
  for (const std::string& agent : {ada, bob}) {
    client.memory().cleanup({.keep_last = 0, .agent_id = agent});
    client.admin().reset_memory_search(agent);
  }
}

void live(stash::client& client, const std::string& conninfo) {
  // Full text is switched on by agent; a fork keeps the choice of whom it was forked from.
  client.admin().configure_memory_search("english", ada, {{"goal", "A"}});
  auto memory = client.memory();

  // Every turn is a version; what has not changed is stored once.
  const knowledge first{"book a trip to Rome", {"two persons"}};
  const std::string begun = remember(memory, "trip", first);
  const auto then = memory.get(begun)->created_at;
  const std::string better =
      remember(memory, "trip", {"book a trip to Rome", {"two persons", "in May", "by train"}});
  remember(memory, "kitchen", {"buy a lamp", {"it hangs over the table"}});

  // Time travel: by a moment, and what has changed since.
  std::cout << "then: " << memory.get_at<knowledge>(ada, "trip", then)->content.facts.size()
            << " fact, now: " << memory.get_at<knowledge>(ada, "trip")->content.facts.size()
            << '\n';
  for (const stash::snapshot_change& each : memory.diff(begun, better))
    std::cout << "  " << each.op << ' ' << each.path << ' ' << each.after << '\n';

  // Another agent goes on from there, without a copy; this one goes back.
  const std::string forked = memory.fork(better, bob);
  knowledge his = memory.get<knowledge>(forked)->content;
  his.facts.back() = "by plane";
  memory.create(bob, his, {.key = "trip", .expected_head = forked});
  memory.restore(begun, "too expensive");
  std::cout << "Bob: " << memory.history(memory.get_at(bob, "trip")->id).size()
            << " versions back to Ada's first; Ada: version " << memory.get_at(ada, "trip")->version
            << '\n';

  // By words, by embedding, by both.
  tell("words", memory.search_text("trip train", {.agent_id = ada}));
  tell("both", memory.search("lamp", embed("a lamp over the table"), {.max_rows = 3}));

  client.transact([](stash::transaction& work) {
    work.execute("CREATE TABLE example_library (title text PRIMARY KEY, embedding real[])");
    for (const std::string title : {"Trains to Rome", "Lamps and tables"})
      work.execute("INSERT INTO example_library VALUES ($1, $2)", title, embed(title));
  });
  stash::async::event_loop loop;
  stash::async::client waiting(loop, {.conninfo = conninfo, .max_size = 3});
  loop.run(search_everywhere(waiting, "Rome"));
  client.transact([](stash::transaction& work) { work.execute("DROP TABLE example_library"); });
  search_by_pipeline(client, "Rome");
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const std::string conninfo = count > 1 ? arguments[1] : "";
    stash::client client({.conninfo = conninfo, .max_size = 2});
    forget_all(client);
    live(client, conninfo);
    forget_all(client);
  } catch (const stash::error& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
