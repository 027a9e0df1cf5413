// The forwarder: what a database's worker remembers and does to keep Weaviate in step.
//
//   outbox, failures, jobs → change_queue → batches → flights → settled
//
// One object a process, on the heap, for no PostgreSQL error may run over its parts. A run of the
// task goes round these steps until its time is over; every step that needs the database is a
// transaction of its own, none is open while a request is.
//
// Invariant. A key that was taken from the queue is in exactly one of: a flight, a group that waits
// to be sent, a request that is held because it may still be carried out (late_requests.hpp), or
// `building`, whose keys go back when an error ended the step.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/engine.hpp"
#include "vector/change_queue.hpp"
#include "vector/late_requests.hpp"
#include "vector/leaf_scan.hpp"
#include "vector/outbox.hpp"
#include "vector/row_source.hpp"
#include "vector/sync_config.hpp"
#include "weaviate/batch.hpp"
#include "worker/tasks.hpp"

namespace stash {

using key_group = std::vector<pending_key*>;

// A request for a backfill or a sweep, and how far it has come. Whoever asked for it while it runs
// is served by another one.
struct vector_job {
  std::vector<std::pair<std::int32_t, change_ticket>> running;  // leaf, ticket
  std::vector<std::pair<std::int32_t, change_ticket>> asked;
  bool listed = false;  // every key has been put into the queue
  bool resumes = false;
  std::string after;                 // the last key (backfill) or object (sweep) that was listed
  std::vector<std::string> tenants;  // sweep: those still to be listed
  bool tenants_known = false;
  bool listing = false;  // a request for the next page is under way
  std::size_t since_noted = 0;
  std::size_t outstanding = 0;

  [[nodiscard]] bool active() const { return !running.empty(); }
  // The listing, from the first key.
  void begin_anew() {
    after.clear();
    listed = false;
    resumes = false;
  }
};

enum class collection_state : std::uint8_t { unknown, asking, making, ready };

struct synced_table {
  sync_config config;
  std::unique_ptr<row_source> source;
  collection_state collection = collection_state::unknown;
  std::deque<key_group> groups;  // to be sent before anything is taken from the queue
  // Tenants that a batch was refused for, and that have taken none since: their keys travel alone.
  std::set<std::string> refusing;
  vector_job backfill;
  vector_job sweep;
  std::int64_t rests_until = 0;
  int rests = 0;
  std::string resting_for;
  std::int64_t counted = 0;  // objects sent when the rate was last taken
  std::int64_t counted_at = 0;
  std::size_t batch = 200;
  std::size_t flights = 0;
  std::int64_t sent_at = 0;
  std::int64_t retrying = 0;  // keys in stash.vector_failure that are not dead
  bool gone = false;          // not configured any more
};

enum class errand : std::uint8_t { upsert, remove, probe, look, make, drop, list, tenants };

struct flight {
  errand what = errand::upsert;
  std::int32_t sync = 0;
  key_group keys;
  std::unique_ptr<weaviate::upsert_batch> upserts;
  std::unique_ptr<weaviate::delete_batch> deletes;
  std::string tenant;
  std::size_t bytes = 0;
  // How long it lasted, when it has ended in a way after which it may still be carried out.
  std::optional<std::int64_t> unknown_after_us;
};

class forwarder {
 public:
  // How long a batch that is not full waits for one that is under way.
  static constexpr std::int64_t longest_gather_us = 80'000;

  forwarder();
  // One run of the worker's task; true when more waits.
  bool run(worker::task_context& context);
  // When the task wants to run again if nothing wakes it.
  [[nodiscard]] int pause_ms() const;
  // The process ends: waits a moment for what is under way.
  void farewell();

  verdict_of_row take_row(const outbox_row& row, int leaf);
  [[nodiscard]] bool asleep(std::int32_t sync) const;

 private:
  http::engine engine_;
  weaviate::server server_;
  bool have_server_ = false;
  bool probed_ = false;
  bool probing_ = false;
  std::string held_back_;
  std::map<std::int32_t, synced_table> tables_;
  change_queue queue_;
  leaf_state leaves_[outbox_leaves];
  std::unordered_map<std::uint64_t, flight> flights_;
  late_requests late_;
  key_group building_;
  std::uint32_t epoch_ = 1;
  bool complete_ = false;  // the last scan left nothing but what sleeps
  std::uint32_t configuration_ = 0;
  std::int64_t loaded_at_ = 0;
  std::int64_t scanned_at_ = 0;
  std::int64_t tended_at_ = 0;
  std::int64_t hold_until_ = 0;  // after a predecessor that may have left requests behind
  bool first_look_ = true;       // nothing is known yet of what it left in the outbox
  std::string last_break_;
  int breaks_ = 0;               // failures of the server in a row
  std::int64_t open_until_ = 0;  // the breaker
  struct armed_wait {
    std::int32_t sync = 0;
    std::uint32_t epoch = 0;  // 0: not armed
    std::uint32_t ticket = 0;
  };
  std::vector<armed_wait> armed_;         // of each wait_place: it is over when this epoch is
  std::map<std::int32_t, bool> unknown_;  // syncs met in this scan that are not known: whether new
  bool any_failures_ = false;
  bool reload_ = true;

  [[nodiscard]] int rest_ms() const;
  // forward_load.cpp
  void load();
  void read_target();
  void adopt(std::map<std::int32_t, sync_config>* fresh);
  void drop_collection(synced_table* table);
  void forget_table(synced_table* table);
  void drop_rows_of(std::int32_t sync);
  // forward_read.cpp
  [[nodiscard]] std::int64_t next_scan_at() const;
  [[nodiscard]] bool any_awake() const;
  [[nodiscard]] bool waits_for_room() const;
  void make_room();
  void scan();
  bool is_new_sync(std::int32_t sync);
  [[nodiscard]] std::uint32_t oldest_open(const synced_table& table) const;
  void read_failures();
  void answer_waiters();
  void publish();
  // forward_jobs.cpp
  void step_jobs();
  void step_backfill(synced_table* table);
  void step_sweep(synced_table* table);
  void list_page(synced_table* table, vector_job* job);
  void end_job(synced_table* table, vector_job* job, change what);
  void note_progress(synced_table* table, const vector_job& job, change what);
  void take_objects(synced_table* table, flight* of, const http::response& answer);
  void look_for_strays(synced_table* table, const key_group& found);
  static void pass_by_tenant(vector_job* sweep);
  friend class stray_finder;
  // forward_send.cpp
  bool send();
  bool send_table(synced_table* table);
  void send_keys(synced_table* table, const key_group& keys);
  static void set_refusing_apart(synced_table* table, key_group* keys);
  void submit(synced_table* table, flight made, http::request request);
  void probe();
  void look_at_collection(synced_table* table);
  void submit_deletes(synced_table* table, const key_group& keys);
  void learn_dimensions(synced_table* table);
  [[nodiscard]] bool gathers(const synced_table& table) const;
  [[nodiscard]] bool succeeds_another(const synced_table& table) const;
  [[nodiscard]] bool deletable(const synced_table& table, const pending_key& key) const;
  friend class batch_builder;
  // forward_settle.cpp
  void receive();
  void settle(flight of, const http::response& answer);
  void settle_batch(synced_table* table, flight* of, const http::response& answer);
  void settle_control(synced_table* table, const flight& of, const http::response& answer);
  bool ask_for_backfill(synced_table* table);
  void fault(synced_table* table, pending_key* key, const weaviate::judgement& judged);
  void whole_fault(synced_table* table, flight* of, const weaviate::judgement& judged);
  void tenant_fault(synced_table* table, flight* of, const weaviate::judgement& judged);
  void finish(pending_key* key);
  void settle_ticket(std::int32_t sync, const change_ticket& ticket);
  [[nodiscard]] static bool is_resting(const synced_table& table);
  void rest(synced_table* table, const std::string& why, int least_ms);
  void hold(const std::string& why, int ms);
  void broke(const std::string& why);
  void worked();
  void put_back(const key_group& keys);
  void write_failures();
  // forward_late.cpp
  void let_go(flight* of);
  void give_back(std::int32_t sync, const key_group& keys);
  void release_late();
  [[nodiscard]] std::int32_t now_feeding(std::int32_t sync) const;
  void send_once_more();

  struct failure {
    std::int32_t sync;
    std::string tenant;
    std::string key;
    bool dead;
    std::string error;
  };
  std::vector<failure> failures_;   // to be written
  std::vector<failure> recovered_;  // to be deleted
};

// Runs a step in a transaction of its own; false when a PostgreSQL error ended it, whose text is in
// *error. What a step leaves half done it must be able to find again.
bool step_in_transaction(void (*body)(void*), void* argument, std::string* error);

template <typename Body>
bool in_transaction(Body body, std::string* error) {
  return step_in_transaction([](void* argument) { (*static_cast<Body*>(argument))(); }, &body,
                             error);
}

// The worker's own, made when it is first needed.
forwarder& the_forwarder();

}  // namespace stash
