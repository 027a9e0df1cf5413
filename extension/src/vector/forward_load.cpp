// The forwarder's configuration: the server, and which tables are synchronised.
#include <nlohmann/json.hpp>

#include "session/statement.hpp"
#include "vector/forwarder.hpp"
#include "vector/place.hpp"
#include "vector/target.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

statement drop_sync{"DELETE FROM stash.vector_sync WHERE id = $1", 1, {INT4OID}};
statement drop_failures{"DELETE FROM stash.vector_failure WHERE sync = $1", 1, {INT4OID}};
statement drop_progress{"DELETE FROM stash.vector_progress WHERE sync = $1", 1, {INT4OID}};

}  // namespace

void forwarder::load() {
  vector_slot* slot = my_vector_slot();
  configuration_ = slot->configuration.load();
  loaded_at_ = GetCurrentTimestamp();
  reload_ = false;
  std::map<std::int32_t, sync_config> fresh;
  weaviate_target target;
  std::string error;
  const bool read = in_transaction(
      [&] {
        const as_owner owner;
        load_sync_configs(&fresh);
        load_target(&target);
        owner.finish();
      },
      &error);
  if (!read) {
    held_back_ = "the configuration cannot be read: " + error;
    have_server_ = false;
    return;
  }
  const bool same = have_server_ && target.server.url == server_.url &&
                    target.server.api_key == server_.api_key && target.problem.empty();
  if (!same) {
    have_server_ = target.configured && target.problem.empty();
    held_back_ = target.problem;
    server_ = target.server;
    probed_ = false;
    open_until_ = 0;
    breaks_ = 0;
    for (auto& [id, table] : tables_) table.collection = collection_state::unknown;
  }
  server_.timeout_ms = target.server.timeout_ms;
  adopt(&fresh);
}

void forwarder::adopt(std::map<std::int32_t, sync_config>* fresh) {
  for (auto& [id, table] : tables_)
    if (!fresh->contains(id)) forget_table(&table);
  for (auto& [id, config] : *fresh) {
    const auto [place, is_new] = tables_.try_emplace(id);
    synced_table& table = place->second;
    if (table.gone || !table.source || !(table.config == config)) {
      // What is in flight was built by the old one, and is answered all the same.
      table.gone = false;
      // Where its listing has come is said by a key of another kind.
      if (!same_key(table.config, config)) table.backfill.begin_anew();
      table.config = std::move(config);
      table.source = std::make_unique<row_source>(table.config);
      table.collection = collection_state::unknown;
      table.rests_until = 0;
      table.rests = 0;
    }
    sync_figures* figures = figures_of(id, true);
    // A predecessor's count, of leaves that are read anew.
    if (is_new && figures != nullptr) figures->settled_rows = 0;
  }
  std::erase_if(tables_, [&](const auto& each) {
    return each.second.gone && each.second.flights == 0 && late_.held(each.first) == 0 &&
           !late_.remembers(each.first);
  });
}

// A table that is not synchronised any more: what is known of it is settled.
void forwarder::forget_table(synced_table* table) {
  table->gone = true;
  for (key_group& group : table->groups)
    for (pending_key* key : group)
      queue_.done(key,
                  [&](const change_ticket& ticket) { settle_ticket(table->config.id, ticket); });
  table->groups.clear();
  queue_.forget(table->config.id,
                [&](const change_ticket& ticket) { settle_ticket(table->config.id, ticket); });
  for (vector_job* job : {&table->backfill, &table->sweep}) {
    for (const auto* list : {&job->running, &job->asked})
      for (const auto& [leaf, ticket] : *list)
        if (ticket.source < outbox_leaves)
          leaves_[ticket.source].settle(ticket.place, table->config.id);
    *job = vector_job();
  }
  forget_figures(table->config.id);
}

// DROP TABLE: the collection goes, then what we knew of it.
void forwarder::drop_collection(synced_table* table) {
  flight made;
  made.what = errand::drop;
  submit(table, std::move(made),
         weaviate::rest_call(server_, http::method::remove, "/schema/" + table->config.collection));
}

void forwarder::drop_rows_of(std::int32_t sync) {
  std::string error;
  if (!in_transaction(
          [&] {
            const as_owner owner;
            const Datum id = Int32GetDatum(sync);
            (void)stash::run(drop_failures, {{id}});
            (void)stash::run(drop_progress, {{id}});
            (void)stash::run(drop_sync, {{id}});
            owner.finish();
          },
          &error))
    ereport(LOG, (errmsg("pg_stash could not forget a dropped table: %s", error.c_str())));
  reload_ = true;
}

}  // namespace stash
