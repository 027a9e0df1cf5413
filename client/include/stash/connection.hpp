// One connection to the server, and the statements that are prepared on it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "stash/error.hpp"
#include "stash/expected.hpp"
#include "stash/result.hpp"

extern "C" {
typedef struct pg_conn PGconn;
}

namespace stash {

namespace async {
class connection;
}
namespace detail {
class exchange;
class statement_exchange;
class command_exchange;
class pipeline_exchange;
struct connecting;
}  // namespace detail

/// How to connect.
struct connection_options {
  /// As libpq reads it: "host=… dbname=…" or a postgresql:// URI; several hosts are fine.
  std::string conninfo = {};
  /// Prepare each statement once and use it by name. Off: unnamed statements, as a PgBouncer
  /// before 1.21 in transaction mode needs them.
  bool prepared_statements = true;
  /// Rounded up to seconds by libpq, at least 2.
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Not thread-safe: one thread at a time.
class STASH_API connection {
 public:
  /// Connects. Error: connection_error.
  explicit connection(connection_options options);
  ~connection();
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;

  /// Runs a statement with parameters; results come in binary form. With a timeout the statement is
  /// cancelled when it takes longer (timeout_error). Other errors: server_error, connection_error.
  result execute(std::string_view sql, const parameters& values = {},
                 std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  /// The same, with a failure as a value: nothing is thrown but std::bad_alloc.
  expected<result> try_execute(std::string_view sql, const parameters& values = {},
                               std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  /// Runs statements without parameters, as BEGIN; several, divided by semicolons, are one
  /// transaction unless they say otherwise.
  void command(const std::string& sql);

  /// Asks the server for a sign of life. False when the connection is broken.
  [[nodiscard]] bool check() noexcept;
  /// Whether libpq still believes in the connection; costs nothing.
  [[nodiscard]] bool usable() const noexcept;
  /// A transaction is open, or failed and not ended.
  [[nodiscard]] bool in_transaction() const noexcept;
  /// A statement of the transaction failed: all that is left is to roll it back.
  [[nodiscard]] bool failed_transaction() const noexcept;
  /// The process on the server, as pg_backend_pid().
  [[nodiscard]] int server_process() const noexcept;
  /// The server answers reads only: a standby, or default_transaction_read_only.
  [[nodiscard]] bool read_only() const noexcept;
  /// libpq's own handle; leave it in the state it was in.
  [[nodiscard]] PGconn* native() const noexcept { return handle_.get(); }

 private:
  friend class pipeline;
  friend class detail::exchange;
  friend class detail::statement_exchange;
  friend class detail::command_exchange;
  friend class detail::pipeline_exchange;
  friend struct detail::connecting;
  friend class async::connection;
  struct closer {
    void operator()(PGconn* handle) const;
  };
  // What is known of a statement: its name once it is prepared, or whether it should be. A program
  // that writes its values into the text of its statements would fill the server's memory.
  struct lookup {
    const std::string* name;
    bool may_prepare;
  };

  using deadline = std::optional<std::chrono::steady_clock::time_point>;
  // Takes a connection over that was made elsewhere.
  connection(connection_options options, PGconn* connected);
  // With the types of the parameters that fill() saw last. What follows is about the statement that
  // was looked up last.
  lookup find(std::string_view sql);
  // Whether text and types are those of the last lookup.
  [[nodiscard]] bool is_last(std::string_view sql) const;
  void forget_statements();
  [[nodiscard]] std::string name_to_prepare() const;
  void prepared();
  // Whether a failure to prepare says that the statement is there already.
  [[nodiscard]] bool prepared_before(const failure& why) const;
  STASH_LOCAL void drive(detail::exchange& trip, deadline until);
  void cancel() noexcept;
  [[nodiscard]] static bool succeeded(const PGresult* rows);
  [[nodiscard]] expected<result> examine(PGresult* rows) const;
  // The scratch space below, with all parameters or with some of them.
  void fill(const parameters& values);
  void fill(const parameters& values, std::size_t first, std::size_t count);

  // A statement is prepared for the types of its parameters: the same text with others is another.
  // Known by a hash of both that is wide enough to stand for them.
  struct statement_key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const statement_key&) const = default;
  };
  struct key_hash {
    std::size_t operator()(const statement_key& key) const { return key.low; }
  };

  connection_options options_;
  std::unique_ptr<PGconn, closer> handle_;
  std::unordered_map<statement_key, std::string, key_hash> statements_;
  // The name that was found last, for the statement in the scratch space below; null: none.
  const std::string* last_found_ = nullptr;
  // Attempts to prepare that failed; part of the names that follow.
  unsigned failed_to_prepare_ = 0;
  // Scratch space for one call's parameters, and the key of its statement.
  statement_key key_;
  std::string text_and_types_;
  std::vector<const char*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<unsigned> types_;
};

}  // namespace stash
