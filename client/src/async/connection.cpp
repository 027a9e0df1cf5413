// See stash/async/connection.hpp.
#include "stash/async/connection.hpp"

#include <libpq-fe.h>

#include <atomic>
#include <thread>

#include "connecting.hpp"
#include "exchange.hpp"
#include "stash/async/sleep.hpp"
#include "waiting.hpp"

namespace stash::async {

using detail::waiting;
using stash::detail::want;

namespace {

steady_clock::time_point end_of(const call_limits& how) {
  return how.timeout ? steady_clock::now() + *how.timeout : steady_clock::time_point::max();
}

struct finisher {
  void operator()(PGconn* handle) const { PQfinish(handle); }
};

// Before version 17 libpq can only ask and wait, so a thread does that; the flag says when it has.
// The thread refers to nothing else, for nobody waits for it when the server's machine is gone.
std::shared_ptr<std::atomic<bool>> cancel_in_a_thread(PGconn* handle) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  PGcancel* request = PQgetCancel(handle);
  if (request == nullptr) {
    *done = true;
    return done;
  }
  std::thread([request, done] {
    char message[256];
    (void)PQcancel(request, message, sizeof message);
    PQfreeCancel(request);
    *done = true;
  }).detach();
  return done;
}

}  // namespace

connection::connection(reactor& loop, stash::connection link)
    : loop_(&loop), link_(std::move(link)), watch_(loop.make_watch(PQsocket(link_.native()))) {}

connection::~connection() = default;

task<std::unique_ptr<connection>> connection::open(reactor& loop, connection_options options,
                                                   call_limits how) {
  const steady_clock::time_point until =
      std::min(end_of(how), steady_clock::now() + options.connect_timeout);
  std::unique_ptr<PGconn, finisher> handle;
  {
    const stash::detail::connecting words(options);
    handle.reset(PQconnectStartParams(words.names, words.values, 1));
  }
  PostgresPollingStatusType status =
      PQstatus(handle.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
    // A new one each time: libpq closes its socket and opens another as it goes from host to host.
    waiting::outcome came{};
    {
      const std::unique_ptr<watch> on = loop.make_watch(PQsocket(handle.get()));
      waiting here(loop, *on,
                   status == PGRES_POLLING_READING ? interest::read : interest::read_or_write,
                   until, how.stop);
      came = co_await here;
    }
    if (came == waiting::outcome::stopped) throw cancelled_error("connecting was cancelled");
    if (came == waiting::outcome::timed_out) throw timeout_error("connecting took too long");
    status = PQconnectPoll(handle.get());
  }
  stash::connection link = stash::detail::connecting::adopt(std::move(options), handle.release());
  if (PQsetnonblocking(link.native(), 1) != 0)
    throw connection_error("the connection does not work without blocking");
  std::unique_ptr<connection> made(new connection(loop, std::move(link)));
  co_return made;
}

// Behind the deadline, or when a stop is requested, the statement is cancelled, and what the server
// then says is read, so that the connection stays usable.
task<void> connection::drive(stash::detail::exchange& trip, call_limits how) {
  steady_clock::time_point until = end_of(how);
  std::shared_ptr<std::atomic<bool>> cancelled;
  if (how.stop.stop_requested()) {
    trip.give_up({failure_kind::cancelled, "the call was cancelled before it was sent"});
    co_return;
  }
  for (;;) {
    const want next = trip.advance();
    if (next == want::nothing) break;
    waiting here(*loop_, *watch_, next == want::read ? interest::read : interest::read_or_write,
                 until, how.stop);
    const waiting::outcome came = co_await here;
    if (came == waiting::outcome::ready) continue;
    if (cancelled) {
      // Nobody is there to answer. The connection counts as broken from here on.
      trip.give_up({failure_kind::connection,
                    "the server did not answer the request to cancel a statement"});
      co_return;
    }
    settled_ = false;
    const stash::failure why =
        came == waiting::outcome::stopped
            ? stash::failure(failure_kind::cancelled, "the call was cancelled")
            : stash::failure(failure_kind::timeout,
                             "the statement took too long and was cancelled");
    if (how.cancel_patience.count() == 0) {
      trip.give_up(why);
      co_return;
    }
    cancelled = cancel_in_a_thread(link_.native());
    trip.stop(why);
    how.stop = {};
    until = steady_clock::now() + how.cancel_patience;
  }
  // The request may arrive behind the answer, and would hit the next statement.
  while (cancelled && !*cancelled && steady_clock::now() < until)
    co_await sleep_for(*loop_, std::chrono::milliseconds{1});
  if (cancelled && *cancelled) settled_ = true;
}

task<expected<result>> connection::try_execute(std::string sql, parameters values,
                                               call_limits how) {
  if (!usable())
    co_return failure(failure_kind::connection, "the connection is not usable any longer");
  stash::detail::statement_exchange trip(link_, sql, values);
  co_await drive(trip, std::move(how));
  co_return trip.answer();
}

task<result> connection::execute(std::string sql, parameters values, call_limits how) {
  expected<result> rows = co_await try_execute(std::move(sql), std::move(values), std::move(how));
  co_return std::move(rows).value();
}

task<void> connection::command(std::string sql, call_limits how) {
  if (!usable()) throw connection_error("the connection is not usable any longer");
  stash::detail::command_exchange trip(link_, std::move(sql));
  co_await drive(trip, std::move(how));
  (void)trip.answer().value();
}

task<bool> connection::check(std::chrono::milliseconds patience) {
  if (!usable()) co_return false;
  stash::detail::command_exchange trip(link_, "");
  call_limits how;
  how.timeout = patience;
  co_await drive(trip, std::move(how));
  co_return trip.answer().has_value() && usable();
}

}  // namespace stash::async
