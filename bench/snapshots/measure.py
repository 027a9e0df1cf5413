"""Memory snapshots beside whole jsonb rows and LangGraph's Postgres saver; prints Markdown.

Started by bench/snapshots/run beside a server, with psycopg and langgraph-checkpoint-postgres. Texts
are random letters, which no compression can shorten, so the figures show what is shared and nothing else.
"""
import argparse
import base64
import json
import random
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
    """Threads that create and read snapshots; the slowest statement of all."""

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
            took = timed(lambda: db.execute("select id from stash.memory_snapshot_create(%s, %s::jsonb)",
                                            [f"client {number}", json.dumps({"turn": turn, "text": "x" * 300})]))
            took = max(took, timed(lambda: db.execute("select version from stash.memory_snapshot_get_at(%s)", [f"agent {turn % 1000}"]).fetchall()))
            self.slowest = max(self.slowest, took)
            self.done += 2
            time.sleep(0.01)

    def finish(self):
        self.stop = True
        for each in self.threads:
            each.join()
        return self.slowest * 1e3


def print_cleanup(admin, versions):
    print(f"\n### {versions:,} versions of 1,000 agents, of which retention keeps the last 10, while 4 clients create and read\n")
    print("| round | deleted after, s | slowest statement before, ms | meanwhile, ms | MB before | after |\n|---|---:|---:|---:|---:|---:|")
    db = fresh_database(admin, "bench_snapshots")
    db.execute("create extension pg_stash")
    for round in range(1, 3):
        db.execute("select stash.memory_retention_unset('agent *')")
        for first in range(0, versions, 10000):
            db.execute("select count(stash.memory_snapshot_create('agent ' || g %% 1000, jsonb_build_object('n', g, 'round', %s::int, 'text', repeat(md5(g::text), 10)))) from generate_series(%s::int, %s::int) as g",
                       [round, first + 1, first + 10000])
        db.execute("vacuum analyze stash.memory_version")
        full = db.execute(STASH_BYTES).fetchone()[0]
        clients = Clients(4)
        time.sleep(5)
        before = clients.finish()
        clients = Clients(4)
        begun = time.perf_counter()
        db.execute("select stash.memory_retention_set('agent *', keep_last => 10)")
        left = "select count(*) - 10000 from stash.memory_version as v join stash.memory_line as l on l.id = v.line where l.agent_id like 'agent %'"
        while db.execute(left).fetchone()[0] > 0 or db.execute("select count(*) from stash.memory_discard as d join stash.memory_pool as p on p.id = d.pool where p.agent_id like 'agent %'").fetchone()[0] > 0:
            time.sleep(1)
        took = time.perf_counter() - begun
        slowest = clients.finish()
        db.execute("vacuum stash.memory_version, stash.memory_part, stash.memory_discard, stash.memory_line")
        after = db.execute(STASH_BYTES).fetchone()[0]
        print(f"| {round} | {took:.1f} | {before:.1f} | {against(slowest, 50)} | {full / 1e6:.0f} | {after / 1e6:.0f} |", flush=True)
    print("\nThe second round begins with the space that the first gave back: it must not need more.")
    print("Problems found by memory_check: " + str(db.execute("select count(*) from stash.memory_check()").fetchone()[0]) + ".")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("tables", nargs="*", default=["sizes", "large", "cleanup"])
    options = parser.parse_args()
    admin = psycopg.connect(dbname="postgres", autocommit=True)
    if "sizes" in options.tables:
        print_sizes(admin, 100 if options.quick else 500)
    if "large" in options.tables:
        print_large(admin, 20 if options.quick else 100)
    if "cleanup" in options.tables:
        print_cleanup(admin, 50_000 if options.quick else 1_000_000)


main()
