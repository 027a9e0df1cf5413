// One exchange with the server in steps that never wait: whoever drives it waits for the socket in
// between, a thread with poll(), a coroutine on its event loop. So both share every rule about
// preparing statements, stale plans, broken connections and cancelled statements.
//
// Invariant: an exchange that has ended leaves the connection ready for the next one, or unusable.
#pragma once

#include <vector>

#include "stash/connection.hpp"

namespace stash::detail {

// As libpq counts formats of results.
inline constexpr int binary_format = 1;

// What the driver has to wait for before it calls advance() again.
enum class want { nothing, read, read_or_write };

class exchange {
 public:
  explicit exchange(connection& on) : on_(on) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  virtual ~exchange();

  // Does what can be done without waiting. nothing: it has ended.
  want advance();
  // All of it at once, for a thread that waits as long as it takes: libpq does the waiting, as in
  // PQexec, which spares most of what advance() looks at. Not for pipelines.
  void run();
  // The server was asked to cancel: when it does, this is the reason.
  void stop(failure why) { stopped_ = std::move(why); }
  // Ends it: nobody will answer. The connection must be closed.
  void give_up(const failure& why);

 protected:
  // Sends what comes first, or next; false when libpq refuses.
  virtual bool send() = 0;
  // Takes one result over, and hears of the end of a statement's results.
  virtual void take(PGresult* rows) = 0;
  virtual void end_of_results() = 0;
  // Hears how the attempt to prepare what was looked up last has ended. Whether it is prepared now,
  // also when whoever asked for it has been told to stop.
  [[nodiscard]] bool note_prepared(const expected<result>& answer);
  // Ends with a failure for all that has no answer yet.
  virtual void fail(const failure& why) = 0;
  [[nodiscard]] failure lost() const;
  // A failure as it is to be told: the reason to stop instead of the server's "cancelled".
  [[nodiscard]] failure told(const failure& why) const;

  connection& on_;
  std::optional<failure> stopped_;
  // To be sent at once, and when what was sent before has left.
  bool to_send_ = true;
  bool more_to_send_ = false;
  // libpq needs nothing from the server to say that a statement has no more results.
  bool end_follows_ = false;
  bool done_ = false;

 private:
  bool receive(bool broken);
  void accept(PGresult* rows);
};

// One statement: prepared when it is not yet, and once more when its plan is of no use any longer.
class statement_exchange : public exchange {
 public:
  // What is given must outlive the exchange.
  statement_exchange(connection& on, std::string_view sql, const parameters& values)
      : exchange(on), sql_(sql), values_(values) {}
  ~statement_exchange() override;
  // After its end, once.
  [[nodiscard]] expected<result> answer() {
    if (failed_) return std::move(*failed_);
    return result(std::exchange(last_, nullptr));
  }

 private:
  enum class stage { first, preparing, running, deallocating };
  bool send() override;
  void take(PGresult* rows) override;
  void end_of_results() override;
  void fail(const failure& why) override;
  void next_stage();

  std::string_view sql_;
  const parameters& values_;
  stage stage_ = stage::first;
  bool again_ = false;
  PGresult* last_ = nullptr;  // at the end: the answer, unless it failed
  std::optional<failure> failed_;
};

// Statements without parameters and without preparation, as BEGIN.
class command_exchange : public exchange {
 public:
  command_exchange(connection& on, std::string sql) : exchange(on), sql_(std::move(sql)) {}
  ~command_exchange() override;
  // After its end: the last result, or the first error.
  [[nodiscard]] expected<result> answer() { return std::move(*answer_); }

 private:
  bool send() override;
  void take(PGresult* rows) override;
  void end_of_results() override;
  void fail(const failure& why) override;

  std::string sql_;
  PGresult* last_ = nullptr;
  std::optional<expected<result>> answer_;
};

}  // namespace stash::detail
