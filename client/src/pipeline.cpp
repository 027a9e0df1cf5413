// See stash/pipeline.hpp.
//
// While statements are sent, what the server answers is read into memory: a server whose answers
// nobody takes stops reading statements, and both would wait for ever.
#include "stash/pipeline.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <optional>
#include <utility>

namespace stash {
namespace {

constexpr int binary_format = 1;

// Back to the usual mode however run() ends. A connection that is left in pipeline mode with
// results on their way is of no use: it is closed by the pool, for it counts as in a transaction.
class pipeline_mode {
 public:
  explicit pipeline_mode(PGconn* handle) : handle_(handle) {
    entered_ = PQenterPipelineMode(handle) != 0 && PQsetnonblocking(handle, 1) == 0;
  }
  ~pipeline_mode() {
    (void)PQsetnonblocking(handle_, 0);
    (void)PQexitPipelineMode(handle_);
  }
  pipeline_mode(const pipeline_mode&) = delete;
  pipeline_mode& operator=(const pipeline_mode&) = delete;
  [[nodiscard]] bool entered() const { return entered_; }

 private:
  PGconn* handle_;
  bool entered_;
};

// Sends what libpq holds back; false when the connection broke.
bool flush(PGconn* handle) {
  for (;;) {
    const int left = PQflush(handle);
    if (left <= 0) return left == 0;
    pollfd socket{PQsocket(handle), POLLIN | POLLOUT, 0};
    if (poll(&socket, 1, -1) < 0) continue;
    if ((socket.revents & POLLIN) != 0 && PQconsumeInput(handle) == 0) return false;
  }
}

}  // namespace

pipeline& pipeline::add_with(std::string_view sql, parameters values) {
  statements_.push_back({std::string(sql), std::move(values)});
  return *this;
}

void pipeline::send_all(const std::vector<entry>& statements,
                        const std::vector<const std::string*>& names) {
  constexpr std::size_t between_flushes = 64;
  PGconn* handle = on_->native();
  for (std::size_t i = 0; i < statements.size(); i++) {
    const entry& each = statements[i];
    on_->fill(each.values);
    const int sent =
        names[i] == nullptr
            ? PQsendQueryParams(handle, each.sql.c_str(), each.values.count(), on_->types_.data(),
                                on_->pointers_.data(), on_->lengths_.data(), on_->formats_.data(),
                                binary_format)
            : PQsendQueryPrepared(handle, names[i]->c_str(), each.values.count(),
                                  on_->pointers_.data(), on_->lengths_.data(), on_->formats_.data(),
                                  binary_format);
    if (sent == 0) on_->throw_lost();
    if (i % between_flushes == between_flushes - 1 && !flush(handle)) on_->throw_lost();
  }
  if (PQpipelineSync(handle) == 0 || !flush(handle)) on_->throw_lost();
}

// Reads every result and the synchronization behind them. The first error is kept, what follows it
// was not run.
std::optional<server_error> pipeline::receive_all(std::size_t count, std::vector<result>* results) {
  PGconn* handle = on_->native();
  std::optional<server_error> refused;
  for (std::size_t i = 0; i < count; i++) {
    PGresult* rows = PQgetResult(handle);
    if (rows == nullptr) on_->throw_lost();
    if (PQresultStatus(rows) == PGRES_PIPELINE_ABORTED) {
      PQclear(rows);
    } else {
      try {
        results->push_back(on_->checked(rows));
      } catch (const server_error& failed) {
        if (!refused) refused = failed;
      }
    }
    while (PGresult* more = PQgetResult(handle)) PQclear(more);
  }
  PQclear(PQgetResult(handle));
  return refused;
}

std::vector<result> pipeline::run() {
  std::vector<result> results;
  const std::vector<entry> statements = std::exchange(statements_, {});
  if (statements.empty()) return results;
  // Prepared before the pipeline begins: a statement that does not parse fails alone.
  std::vector<const std::string*> names(statements.size(), nullptr);
  if (on_->options_.prepared_statements)
    for (std::size_t i = 0; i < statements.size(); i++)
      names[i] = on_->prepared(statements[i].sql, statements[i].values);
  std::optional<server_error> refused;
  {
    const pipeline_mode mode(on_->native());
    if (!mode.entered()) on_->throw_lost();
    send_all(statements, names);
    refused = receive_all(statements.size(), &results);
  }
  if (refused) throw server_error(*refused);
  return results;
}

}  // namespace stash
