// Over TLS, with an authority and certificates made for the test.
#include "servers.hpp"

namespace {

using namespace test;

TEST(tls, verify_full) {
  if (!may_make_servers()) GTEST_SKIP() << "STASH_STAGE is not set: no servers of our own";
  const own_server server("tls");
  {
    stash::connection admin({.conninfo = server.conninfo()});
    admin.command("CREATE EXTENSION pg_stash; CREATE ROLE app LOGIN PASSWORD 'correct horse'");
    admin.command("SELECT stash.grant_usage('app', ARRAY['cache', 'session'])");
  }
  const std::string app = "hostaddr=127.0.0.1 port=" + std::to_string(server.port) +
                          " dbname=postgres user=app password='correct horse' ";
  const std::string root = " sslrootcert=" + server.folder + "/root.crt";
  stash::client client(
      {.conninfo = app + "host=localhost sslmode=verify-full" + root, .max_size = 2});
  EXPECT_TRUE(client.cache().set("k", 1, {.fresh = true}).has_value());
  EXPECT_EQ(client.cache().get<int>("k"), 1);
  const auto created = client.sessions().create({.user_id = "u"});
  EXPECT_TRUE(client.sessions().get_by_token(created.token).has_value());
  {
    const auto on = client.connections().acquire();
    EXPECT_TRUE(
        on->execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").boolean(0, 0));
    // A deadline and its cancellation, which libpq asks for on a connection of its own.
    EXPECT_THROW(on->execute("SELECT pg_sleep(30)", {}, 100ms), stash::timeout_error);
    EXPECT_EQ(on->execute("SELECT 1").integer(0, 0), 1);
    stash::pipeline batch(*on);
    const std::string large(10'000, 'x');
    for (int i = 0; i < 500; i++) batch.add("SELECT $1::text", large);
    EXPECT_EQ(batch.run()[499].raw(0, 0).size(), large.size());
  }

  const auto refused = [](const std::string& conninfo) -> std::string {
    try {
      const stash::connection on({.conninfo = conninfo});
      return "";
    } catch (const stash::connection_error& failed) {
      return failed.what();
    }
  };
  // Another name, another authority, no TLS at all, a wrong password.
  EXPECT_NE(refused(app + "host=elsewhere sslmode=verify-full" + root), "");
  EXPECT_NE(refused(app + "host=localhost sslmode=verify-full sslrootcert=" + server.folder +
                    "/localhost.crt"),
            "");
  EXPECT_NE(refused(app + "host=localhost sslmode=disable"), "");
  const std::string wrong = refused("hostaddr=127.0.0.1 port=" + std::to_string(server.port) +
                                    " dbname=postgres user=app password='wrong horse'"
                                    " host=localhost sslmode=verify-full" +
                                    root);
  EXPECT_NE(wrong, "");
  EXPECT_EQ(wrong.find("wrong horse"), std::string::npos) << wrong;
}

}  // namespace
