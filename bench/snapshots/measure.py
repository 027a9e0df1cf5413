"""Memory snapshots beside whole jsonb rows and LangGraph's Postgres saver; prints Markdown.

Started by bench/snapshots/run beside a server, with psycopg and langgraph-checkpoint-postgres. Texts
are random letters, which no compression can shorten, so the figures show what is shared and nothing else.
"""
import argparse
import base64
import json
import os
import random
import re
import statistics
import threading
import time

import psycopg
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver

RANDOM = random.Random(7)
STASH_BYTES = """select sum(pg_total_relation_size(c.oid)) from pg_class as c
    where c.relnamespace = 'stash'::regnamespace and c.relkind = 'r'
    and c.relname in ('memory_pool', 'memory_line', 'memory_version', 'memory_part', 'memory_embedding', 'memory_discard')"""
LANGGRAPH_BYTES = """select sum(pg_total_relation_size(c.oid)) from pg_class as c
    where c.relname like 'checkpoint%' and c.relkind = 'r'"""


def letters(size):
    return base64.b64encode(RANDOM.randbytes(size * 3 // 4 + 3)).decode()[:size]


def message(number):
    return {"role": "user" if number % 2 else "assistant", "content": letters(970)}


def conversation(turns, place):
    """Grows by a message a turn. Yields the state, what changed of it, and the bytes of new text."""
    messages = []
    for turn in range(turns):
        new = message(turn)
        messages.insert({"end": len(messages), "front": 0}.get(place, RANDOM.randint(0, len(messages))), new)
        yield {"messages": list(messages)}, ["messages"], len(json.dumps(new))


def agent_state(turns):
    """Forty keys of a kilobyte, three of which change a turn."""
    state = {f"key {number:02}": letters(1000) for number in range(40)}
    changed, fresh = list(state), 40 * 1000
    for _ in range(turns):
        yield dict(state), changed, fresh
        changed, fresh = RANDOM.sample(list(state), 3), 3 * 1000
        for key in changed:
            state[key] = letters(1000)


def timed(deed):
    begun = time.perf_counter()
    deed()
    return time.perf_counter() - begun


def fresh_database(admin, name):
    admin.execute(f"drop database if exists {name}")
    admin.execute(f"create database {name}")
    return psycopg.connect(dbname=name, autocommit=True)


def keep_in_stash(admin, history):
    db = fresh_database(admin, "bench_snapshots")
    db.execute("create extension pg_stash")
    before = db.execute(STASH_BYTES).fetchone()[0]
    spent = 0.0
    for state, _, _ in history:
        text = json.dumps(state)
        spent += timed(lambda: db.execute("select id from stash.memory_snapshot_create('agent', %s::jsonb)", [text]))
    problems = db.execute("select count(*) from stash.memory_check()").fetchone()[0]
    assert problems == 0, problems
    return db.execute(STASH_BYTES).fetchone()[0] - before, spent


def keep_in_rows(admin, history):
    db = fresh_database(admin, "bench_rows")
    db.execute("create table memory (id bigint generated always as identity primary key, agent text, created_at timestamptz default now(), content jsonb)")
    spent = 0.0
    for state, _, _ in history:
        text = json.dumps(state)
        spent += timed(lambda: db.execute("insert into memory (agent, content) values ('agent', %s::jsonb)", [text]))
    return db.execute("select pg_total_relation_size('memory')").fetchone()[0], spent


def keep_in_langgraph(admin, history):
    fresh_database(admin, "bench_langgraph").close()
    with PostgresSaver.from_conn_string("dbname=bench_langgraph") as saver:
        saver.setup()
        config = {"configurable": {"thread_id": "agent", "checkpoint_ns": ""}}
        versions = {}
        spent = 0.0
        for turn, (state, changed, _) in enumerate(history):
            for key in changed:
                versions[key] = saver.get_next_version(versions.get(key), None)
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = state
            checkpoint["channel_versions"] = dict(versions)
            new = {key: versions[key] for key in changed}

            def put():
                nonlocal config
                config = saver.put(config, checkpoint, {"source": "loop", "step": turn, "parents": {}}, new)

            spent += timed(put)
        size = saver.conn.execute(LANGGRAPH_BYTES).fetchone()
        return next(iter(size.values())) if isinstance(size, dict) else size[0], spent


def kilobytes(size):
    return f"{size / 1000:,.0f}"


def print_sizes(admin, turns):
    print(f"\n### {turns} snapshots of one agent: kilobytes on disk, indexes included, and milliseconds a snapshot\n")
    print("| history | last snapshot | all new text | pg_stash | / last | / new | whole rows | LangGraph | pg_stash, ms | whole rows, ms | LangGraph, ms |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for title, history in [
        ("a message of 1 kB at the end", lambda: conversation(turns, "end")),
        ("at the front", lambda: conversation(turns, "front")),
        ("anywhere", lambda: conversation(turns, "anywhere")),
        ("3 of 40 keys of 1 kB", lambda: agent_state(turns)),
    ]:
        states = list(history())
        last = len(json.dumps(states[-1][0]))
        fresh = sum(each[2] for each in states)
        (stash, t_stash), (rows, t_rows), (graph, t_graph) = (
            keep(admin, states) for keep in (keep_in_stash, keep_in_rows, keep_in_langgraph))
        grows = "key" not in title
        mark = stash / (last if grows else fresh)
        text = f"{mark:.2f} (≤ 2)" if mark <= 2 else f"{mark:.2f} (≤ 2 **missed**)"
        print(f"| {title} | {kilobytes(last)} | {kilobytes(fresh)} | {kilobytes(stash)} |"
              f" {text if grows else f'{stash / last:.1f}'} | {f'{stash / fresh:.2f}' if grows else text} |"
              f" {kilobytes(rows)} | {kilobytes(graph)} |"
              f" {t_stash / turns * 1e3:.1f} | {t_rows / turns * 1e3:.1f} | {t_graph / turns * 1e3:.1f} |", flush=True)


def print_pools(admin, turns):
    """Where lists are cut depends on the salt of the pool: the same history in eight of them."""
    states = list(conversation(turns, "anywhere"))
    last = len(json.dumps(states[-1][0]))
    ratios = [float(keep_in_stash(admin, states)[0]) / last for _ in range(8)]
    print(f"\nThe third history in eight pools: {min(ratios):.2f} to {max(ratios):.2f} of the last snapshot, on average"
          f" {against(statistics.mean(ratios), 2)}.", flush=True)


TEXT_BYTES = """select pg_table_size('stash.memory_text'), pg_relation_size('stash.memory_text_words'),
    pg_indexes_size('stash.memory_text') - pg_relation_size('stash.memory_text_words')"""


def print_text(admin, turns):
    """Full text of a conversation that grows by a message of 1 kB of words: what each further piece of it costs."""
    vocabulary = ["".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz", k=RANDOM.randint(3, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    db = fresh_database(admin, "bench_snapshots")
    db.execute("create extension pg_stash")
    db.execute("select stash.memory_search_configure('simple')")
    print("\n### Full text: what it takes apart from the snapshots, as a conversation grows by messages of 1 kB of words\n")
    print("| versions | new text, kB | words, kB | their index, kB | other indexes, kB | words, bytes a kB of new text | their index, bytes a kB of new text |\n|---|---:|---:|---:|---:|---:|---:|")
    messages, text, before = [], 0, None
    pieces = [turns // 10] + [turns * piece // 10 for piece in (4, 7, 10)]
    for turn in range(1, turns + 1):
        words = " ".join(RANDOM.choices(vocabulary, weights, k=150))
        messages.append({"role": "user" if turn % 2 else "assistant", "content": words})
        text += len(words)
        db.execute("select id from stash.memory_snapshot_create('agent', %s::jsonb)", [json.dumps({"messages": messages})])
        if turn in pieces:
            db.execute("select gin_clean_pending_list('stash.memory_text_words')")
            now = (text, *db.execute(TEXT_BYTES).fetchone())
            first, *grown = now if before is None else tuple(a - b for a, b in zip(now, before))
            print(f"| to {turn} | {kilobytes(first)} | {' | '.join(kilobytes(each) for each in grown)} |"
                  f" {grown[0] / first * 1000:,.0f} | {grown[1] / first * 1000:,.0f} |", flush=True)
            before = now


def wal(db):
    return db.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()[0]


def against(ratio, limit):
    return f"{ratio:.2f} (≤ {limit})" if ratio <= limit else f"{ratio:.2f} (≤ {limit} **missed**)"


def print_large(admin, rounds):
    """A document of 1 MB of which a message changes, against a row of a table."""
    db = fresh_database(admin, "bench_snapshots")
    db.execute("create extension pg_stash")
    db.execute("create table memory (id bigint generated always as identity primary key, agent text, content jsonb)")
    messages = [message(number) for number in range(1000)]
    creates, inserts, gets, reads, wal_stash, wal_rows = [], [], [], [], [], []
    for turn in range(rounds + 3):
        messages[RANDOM.randrange(1000)] = message(turn)
        text = json.dumps({"messages": messages})
        if turn == 1:
            db.execute("checkpoint")
            # Full pages are written once after a checkpoint, by both.
        begun = wal(db)
        create = timed(lambda: db.execute("select id from stash.memory_snapshot_create('agent', %s::jsonb)", [text]))
        middle = wal(db)
        insert = timed(lambda: db.execute("insert into memory (agent, content) values ('agent', %s::jsonb)", [text]))
        end = wal(db)
        latest = db.execute("select id from stash.memory_snapshot_list('agent', max_rows => 1)").fetchone()[0]
        get = timed(lambda: db.execute("select content::text from stash.memory_snapshot_get(%s)", [latest], prepare=True))
        read = timed(lambda: db.execute("select content::text from memory where id = %s", [turn + 1], prepare=True))
        if turn >= 3:
            creates.append(create), inserts.append(insert), gets.append(get), reads.append(read)
            wal_stash.append(middle - begun), wal_rows.append(end - middle)
    median = statistics.median
    ratios = lambda a, b: median(x / y for x, y in zip(a, b))
    print("\n### A document of 1 MB of which one message of 1 kB changes\n")
    print("| | pg_stash | a plain jsonb row | ratio |\n|---|---:|---:|---:|")
    print(f"| create, ms | {median(creates) * 1e3:.1f} | {median(inserts) * 1e3:.1f} | {against(ratios(creates, inserts), 1.5)} |")
    print(f"| WAL, bytes | {median(wal_stash):,.0f} | {median(wal_rows):,.0f} | {against(ratios(wal_stash, wal_rows), 0.05)} |")
    print(f"| get, ms | {median(gets) * 1e3:.1f} | {median(reads) * 1e3:.1f} | {against(ratios(gets, reads), 1.5)} |", flush=True)


class Clients:
    """Threads that create and read snapshots, some of agents whose memory is being cleaned up, with pauses,
    so that a slow statement is not a queue before a busy processor. The slowest statement of all."""

    def __init__(self, count):
        self.stop, self.slowest, self.done = False, 0.0, 0
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]
        for each in self.threads:
            each.start()

    def work(self, number):
        db = psycopg.connect(dbname="bench_snapshots", autocommit=True)
        turn = 0
        while not self.stop:
            turn += 1
            agent = f"agent {turn * 4 + number}" if turn % 2 else f"crowd {turn % 3}"
            document = json.dumps({"turn": turn, "messages": [f"{number} {turn}" + "x" * 400, "y" * 400]})
            for statement, values in [
                    ("select id from stash.memory_snapshot_create(%s, %s::jsonb, %s)", [agent, document, f"client {number}"]),
                    ("select version from stash.memory_snapshot_get_at(%s)", [f"agent {turn % 1000}"])]:
                took = timed(lambda: db.execute(statement, values).fetchall())
                # The first ones plan the statements.
                if turn > 10:
                    self.slowest = max(self.slowest, took)
                self.done += 1
            time.sleep(0.05)

    def finish(self):
        self.stop = True
        for each in self.threads:
            each.join()
        return self.slowest * 1e3


# Versions of conversations that keep their last three messages, of which one is new, and no message is in two rounds.
# In half of the versions 1,000 agents take turns; a quarter is of one agent with one key, a quarter of one agent with many keys.
FILL = """select count(stash.memory_snapshot_create(agent, jsonb_build_object('n', n, 'messages', (
            select jsonb_agg(m || repeat(md5(key || m || %(round)s), 12)) from generate_series(n, n + 2) as m)), key))
    from (select 'agent ' || g %% 1000 as agent, 'default' as key, g / 1000 as n from generate_series(%(first)s::int, %(last)s::int) as g where %(half)s = 1
        union all select 'crowd 1', 'default', g from generate_series(%(first)s::int, %(last)s::int) as g where %(half)s = 2 and g %% 2 = 1
        union all select 'crowd 2', 'key ' || g / 2 %% %(keys)s, g / 2 / %(keys)s from generate_series(%(first)s::int, %(last)s::int) as g where %(half)s = 2 and g %% 2 = 0) as made"""


def fill(versions, round):
    """In two connections, each with agents of its own."""
    def work(half):
        db = psycopg.connect(dbname="bench_snapshots", autocommit=True)
        for first in range(0, versions // 2, 1000):
            db.execute(FILL, {"half": half, "keys": versions // 40, "first": first, "last": first + 999, "round": f" round {round}"})

    threads = [threading.Thread(target=work, args=(half,)) for half in (1, 2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def worker_statements(log, begin):
    """The slowest statements of the worker since that byte of the server's log, by auto_explain: milliseconds and text."""
    with open(log, "rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    slow = []
    for line, following in zip(lines, lines[1:]):
        found = re.search(r"pg_stash.*duration: ([0-9.]+) ms +plan", line)
        if found:
            slow.append((float(found[1]), following.strip().removeprefix("Query Text: ")))
    return sorted(slow, reverse=True)


TABLES = "stash.memory_version, stash.memory_part, stash.memory_discard, stash.memory_line"
# Versions and parts with their indexes; what else there is takes next to nothing here.
RELATIONS = """select c.relname, pg_relation_size(c.oid) from pg_class as c where c.relnamespace = 'stash'::regnamespace
    and c.relkind in ('r', 'i') and c.relname like 'memory%' and pg_relation_size(c.oid) > 1000000 order by 2 desc, 1"""


def clean_up(db, log):
    """Lets retention go and waits until it is through. Milliseconds of clients, statements of the worker, seconds."""
    log_begin = os.path.getsize(log)
    clients = Clients(4)
    begun = time.perf_counter()
    db.execute("select stash.memory_retention_set('*', keep_last => 2)")
    left = "select exists (select from stash.memory_line as l, lateral (select version from stash.memory_version as v where v.line = l.id order by version desc offset 3 limit 1) as v where l.key not like 'client%')"
    while db.execute(left).fetchone()[0]:
        time.sleep(1)
    took = time.perf_counter() - begun
    # Until everything that was queued by then is through; clients queue more all the time.
    queued = db.execute("select clock_timestamp()").fetchone()[0]
    while db.execute("select exists (select from stash.memory_discard where queued_at < %s and not started)", [queued]).fetchone()[0]:
        time.sleep(1)
    took_all = time.perf_counter() - begun
    return clients.finish(), worker_statements(log, log_begin), took, took_all


def print_cleanup(admin, versions, rounds=2):
    print(f"\n### {versions:,} versions, of which retention keeps the last 2 of each key, while 4 clients create and read\n")
    print("Half of them of 1,000 agents, a quarter of an agent with one key, a quarter of one with many keys. Each round is as much new text.\n")
    print("| round | filled in, s | deleted after, s | collected after, s | slowest statement of clients before, ms | meanwhile, ms | of the worker, ms | of its statements over 50 ms | MB full | vacuumed |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    db = fresh_database(admin, "bench_snapshots")
    db.execute("create extension pg_stash")
    log = os.environ["STASH_LOG"]
    full, sizes, slowest = [], [], []
    for round in range(1, rounds + 1):
        db.execute("select stash.memory_retention_unset('*')")
        took_fill = timed(lambda: fill(versions, round))
        db.execute(f"vacuum analyze {TABLES}")
        full.append(float(db.execute(STASH_BYTES).fetchone()[0]))
        sizes.append(dict(db.execute(RELATIONS).fetchall()))
        clients = Clients(4)
        time.sleep(10)
        before = clients.finish()
        meanwhile, worker, took, took_all = clean_up(db, log)
        slowest += worker
        # Pages of indexes that one vacuum empties are free once a transaction later another one has looked.
        db.execute(f"vacuum {TABLES}")
        db.execute("select pg_current_xact_id()")
        db.execute(f"vacuum {TABLES}")
        after = float(db.execute(STASH_BYTES).fetchone()[0])
        longest = worker[0][0] if worker else 0.0
        print(f"| {round} | {took_fill:.0f} | {took:.0f} | {took_all:.0f} | {before:.1f} | {against(meanwhile, 50)} | {against(longest, 50)} |"
              f" {len([each for each in worker if each[0] > 50])} | {full[-1] / 1e6:.0f} | {after / 1e6:.0f} |", flush=True)
    print("\nThe worker's slowest statements:\n")
    for milliseconds, text in sorted(slowest, reverse=True)[:3]:
        print(f"- {milliseconds:.1f} ms: `{text[:100]}`")
    if rounds > 1:
        kept = 2 * (1000 + 1 + versions // 40) / versions
        print(f"\nSpace is used again: with as much new text round {rounds} takes {against(full[-1] / full[0], 1.1)} of what round 1 took;"
              f" it has {kept:.0%} more versions, those that retention kept.\n")
        print("| MB | round 1 | the last round | ratio |\n|---|---:|---:|---:|")
        for name, size in sizes[0].items():
            print(f"| {name} | {size / 1e6:.1f} | {sizes[-1][name] / 1e6:.1f} | {sizes[-1][name] / size:.2f} |")
    print("\nProblems found by memory_check: " + str(db.execute("select count(*) from stash.memory_check()").fetchone()[0]) + ".")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("tables", nargs="*", default=["sizes", "large", "cleanup"])
    options = parser.parse_args()
    admin = psycopg.connect(dbname="postgres", autocommit=True)
    if "sizes" in options.tables:
        print_sizes(admin, 100 if options.quick else 500)
        print_pools(admin, 100 if options.quick else 500)
        print_text(admin, 100 if options.quick else 500)
    if "large" in options.tables:
        print_large(admin, 20 if options.quick else 100)
    if "cleanup" in options.tables:
        print_cleanup(admin, 50_000 if options.quick else 1_000_000)


main()
