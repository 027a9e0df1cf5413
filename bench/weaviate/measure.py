#!/usr/bin/env python3
"""Measures synchronised tables beside Weaviate's own Python client and prints Markdown:

    measure.py [--quick] [TABLE...]       forward, commits, bulk, arrival, search, outbox

Runs beside a PostgreSQL with the extension (PGHOST, ...) and a Weaviate (STASH_TEST_WEAVIATE_URL, its
gRPC port the one behind it), by an interpreter with psycopg and weaviate-client. Contestants take turns;
a ratio is taken inside a round, and the median of the rounds is printed.
"""
import argparse
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import psycopg
import weaviate
import weaviate.classes as wvc

from embeddings import embeddings

URL = os.environ["STASH_TEST_WEAVIATE_URL"]
PORT = urllib.parse.urlsplit(URL).port
HERE = pathlib.Path(__file__).parent
DIMENSIONS = 384
RANDOM = random.Random(7)
WORKER = "select pid from pg_stat_activity where backend_type = 'pg_stash worker' and datname = current_database()"


def connect():
    return psycopg.connect("", autocommit=True)


def marked(ratio, mark, at_least=False):
    met = ratio >= mark if at_least else ratio <= mark
    sign = "≥" if at_least else "≤"
    return f"{ratio:.2f} ({sign} {mark}{'' if met else ' **missed**'})"


def median(values):
    return statistics.median(values)


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def queries(count):
    """Embeddings that no row has."""
    return embeddings(count, DIMENSIONS, seed=2).tolist()


class Memory:
    """The most memory of its own (RssAnon) that a process had while this watched, in MB."""

    def __init__(self, pid):
        self.pid, self.most, self.ended = pid, 0.0, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended:
            for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.most = max(self.most, int(line.split()[1]) / 1000)
            time.sleep(0.05)

    def end(self):
        self.ended = True
        self.thread.join()
        return self.most


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait(db, table, seconds=900):
    assert db.execute("select stash.vector_wait(%s, %s)", [table, seconds]).fetchone()[0], "not all arrived"


def forget(db, client, table, collection):
    """Ends the synchronisation of a table, with its collection."""
    db.execute(f"drop table {table}")
    while client.collections.exists(collection) or db.execute("select from stash.vector_sync_status()").rowcount > 0:
        time.sleep(0.1)


def check_count(client, collection, rows):
    count = client.collections.get(collection).aggregate.over_all(total_count=True).total_count
    assert count == rows, f"{count} objects are there, not {rows}"


def is_there(db, table):
    return db.execute("select to_regclass(%s) is not null", [table]).fetchone()[0]


def fill_source(db, rows):
    if is_there(db, "source"):
        return
    db.execute("create table source (id int primary key, title text, n int, embedding real[])")
    vectors = embeddings(rows, DIMENSIONS)
    with db.cursor().copy("copy source from stdin (format binary)") as copy:
        copy.set_types(["int4", "text", "int4", "float4[]"])
        for i in range(rows):
            copy.write_row((i + 1, f"the title of document {i}", i + 1, vectors[i].tolist()))
    db.execute("vacuum analyze source")


def make_table(db, name="doc"):
    db.execute(f"create table {name} (like source including all)")


def enable(db, table, collection, backfill=True):
    db.execute(
        "select stash.vector_sync_enable(%s, 'embedding', '{title,n}', %s, options => %s)",
        [table, collection, '{"backfill": true}' if backfill else '{"backfill": false}'],
    )


# --- 100,000 rows ---


def forward_backfill(db, client, rows):
    make_table(db)
    db.execute("insert into doc select * from source where id <= %s", [rows])
    db.execute("vacuum analyze doc")
    worker = db.execute(WORKER).fetchone()[0]
    memory, processor = Memory(worker), processor_time(worker)
    began = time.perf_counter()
    enable(db, "doc", "Doc")
    wait(db, "doc")
    took = time.perf_counter() - began
    processor = processor_time(worker) - processor
    most = memory.end()
    check_count(client, "Doc", rows)
    return rows / took, 1e6 * processor / rows, most


def insert_thousands(db, rows):
    for first in range(0, rows, 1000):
        db.execute("insert into doc select * from source where id > %s and id <= %s", [first, first + 1000])


def insert_single(db, rows):
    """From 4 connections."""
    db.execute("drop sequence if exists next_row; create sequence next_row")
    pgbench("insert into doc select * from source where id = (select nextval('next_row'));", 4, transactions=rows // 4)


def forward_inserts(db, client, rows, insert):
    """Rows that are committed while the forwarder sends."""
    make_table(db)
    enable(db, "doc", "Doc")
    wait(db, "doc")
    worker = db.execute(WORKER).fetchone()[0]
    memory, processor = Memory(worker), processor_time(worker)
    began = time.perf_counter()
    insert(db, rows)
    committed = time.perf_counter() - began
    wait(db, "doc")
    took = time.perf_counter() - began
    processor = processor_time(worker) - processor
    most = memory.end()
    check_count(client, "Doc", rows)
    return rows / took, 1e6 * processor / rows, most, committed


def forward_client(_db, client, rows):
    client.collections.create(
        "Bench",
        vector_config=wvc.config.Configure.Vectors.self_provided(
            vector_index_config=wvc.config.Configure.VectorIndex.hnsw(distance_metric=wvc.config.VectorDistances.COSINE)),
        properties=[
            wvc.config.Property(name="title", data_type=wvc.config.DataType.TEXT),
            wvc.config.Property(name="n", data_type=wvc.config.DataType.INT),
        ],
    )
    try:
        command = [sys.executable, "-W", "ignore", str(HERE / "load.py"), str(PORT), str(PORT + 1), "Bench", str(rows), str(DIMENSIONS), "200", "4"]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    finally:
        client.collections.delete("Bench")
    return tuple(float(each) for each in out.split())


def print_forward(db, client, rows, rounds):
    fill_source(db, rows)
    contestants = {
        "client": forward_client,
        "backfill": forward_backfill,
        "thousands": lambda *arguments: forward_inserts(*arguments, insert_thousands),
        "single": lambda *arguments: forward_inserts(*arguments, insert_single),
    }
    found = {name: [] for name in contestants}
    for turn in range(rounds):
        for name, contestant in contestants.items():
            found[name].append(contestant(db, client, rows))
            print(f"round {turn + 1}: {name} {found[name][-1][0]:.0f} objects/s", file=sys.stderr, flush=True)
            if name != "client":
                forget(db, client, "doc", "Doc")
    print(f"\n### {rows:,} rows of {DIMENSIONS} dimensions to a new collection\n")
    print("| by | objects/s | / Python client | processor time, µs an object | memory of its own, MB | committed after, s |")
    print("|---|---:|---:|---:|---:|---:|")
    base = found["client"]
    print(f"| Python client, `fixed_size(200, 4)` | {median([e[0] for e in base]):.0f} | – | {median([e[1] for e in base]):.0f} | – | – |")
    titles = {
        "backfill": "the worker, backfill of a table",
        "thousands": "the worker, rows inserted meanwhile, 1,000 a transaction",
        "single": "the worker, rows inserted meanwhile, one a transaction",
    }
    for name, title in titles.items():
        mine = found[name]
        ratio = median([m[0] / b[0] for m, b in zip(mine, base)])
        committed = f"{median([e[3] for e in mine]):.1f}" if name != "backfill" else "–"
        print(
            f"| {title} | {median([e[0] for e in mine]):.0f} | {marked(ratio, 1.1, True)} |"
            f" {median([e[1] for e in mine]):.0f} | {marked(max(e[2] for e in mine), 100)} | {committed} |",
            flush=True,
        )


# --- what a commit costs ---


def pgbench(script, clients, seconds=None, transactions=None, rate=None, options=""):
    """Transactions a second, and the average latency in ms."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-f", file.name]
        command += ["-T", str(seconds)] if seconds else ["-t", str(transactions)]
        command += ["-R", str(rate)] if rate else []
        environment = {**os.environ, "PGOPTIONS": options}
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment).stdout
    rates = [line.split()[2] for line in out.splitlines() if line.startswith("tps")]
    latencies = [line.split()[3] for line in out.splitlines() if line.startswith("latency average")]
    assert "number of failed transactions: 0" in out, out
    return float(rates[0]), float(latencies[0])


INSERT = """\\set id random(1, {rows})
insert into {table} select nextval('next_row'), title, n, embedding from source where id = :id;"""
UPDATE = """\\set id random(1, {rows})
update {table} set n = n + 1 where id = :id;"""


def print_commits(db, client, rows, rounds, seconds):
    """With and without: two tables alike, one of which is synchronised."""
    fill_source(db, rows)
    rows = min(rows, 10000)
    for table in ("plain", "doc"):
        make_table(db, table)
        db.execute(f"insert into {table} select * from source where id <= {rows}")
    db.execute("drop sequence if exists next_row; create sequence next_row start 1000000")
    enable(db, "doc", "Doc")
    wait(db, "doc")
    db.execute("vacuum analyze plain, doc")
    print("\n### A commit with a row in the outbox against one without, 8 clients\n")
    print("| statement, a transaction | `synchronous_commit` | Weaviate | without, ms | with, ms | ratio |")
    print("|---|---|---|---:|---:|---:|")
    for state in ("paused", "fed meanwhile"):
        if state == "paused":
            db.execute("select stash.vector_sync_pause('doc')")
        else:
            db.execute("select stash.vector_sync_resume('doc')")
        for title, script in (("INSERT", INSERT), ("UPDATE", UPDATE)):
            for durable in ("off", "on"):
                pairs = []
                for _ in range(rounds):
                    pair = []
                    for table in ("plain", "doc"):
                        # At full speed what is measured is the commit; fed, a rate that leaves Weaviate processors.
                        rate = None if state == "paused" else 1000
                        pair.append(pgbench(script.format(rows=rows, table=table), 8, seconds, rate=rate,
                                            options=f"-c synchronous_commit={durable}")[1])
                    pairs.append(pair)
                ratio = median([b / a for a, b in pairs])
                at = "" if state == "paused" else ", 1,000/s"
                print(f"| {title} | {durable} | {state}{at} | {median([a for a, _ in pairs]):.3f} | {median([b for _, b in pairs]):.3f} |"
                      f" {marked(ratio, 1.3)} |", flush=True)
    wait(db, "doc")
    forget(db, client, "doc", "Doc")
    db.execute("drop table plain")


def print_bulk(db, client, rows, rounds):
    fill_source(db, rows)
    for table in ("plain", "doc"):
        make_table(db, table)
        db.execute(f"insert into {table} select * from source where id <= {rows}")
    enable(db, "doc", "Doc", backfill=False)
    wait(db, "doc")
    # What is measured is the statement, not who shares the processors with it.
    db.execute("select stash.vector_sync_pause('doc')")
    pairs = []
    for _ in range(rounds):
        pair = []
        for table in ("plain", "doc"):
            db.execute(f"vacuum analyze {table}")
            db.execute("checkpoint")
            began = time.perf_counter()
            db.execute(f"update {table} set n = n + 1")
            pair.append(time.perf_counter() - began)
        pairs.append(pair)
    print(f"\n### One UPDATE of {rows:,} rows\n")
    print("| without, s | with rows in the outbox, s | ratio |")
    print("|---:|---:|---:|")
    print(f"| {median([a for a, _ in pairs]):.2f} | {median([b for _, b in pairs]):.2f} | {marked(median([b / a for a, b in pairs]), 3)} |", flush=True)
    forget(db, client, "doc", "Doc")
    db.execute("drop table plain")


# --- how soon, and how fast it is found ---


def loaded(db, client, rows):
    fill_source(db, rows)
    if is_there(db, "doc"):
        return
    make_table(db)
    db.execute("insert into doc select * from source where id <= %s", [rows])
    enable(db, "doc", "Doc")
    wait(db, "doc")
    db.execute("vacuum analyze doc")


def print_arrival(db, client, rows, samples):
    loaded(db, client, rows)
    collection = client.collections.get("Doc")
    took = []
    for i, embedding in enumerate(queries(samples)):
        # Idle, and not in step with whatever runs every second.
        time.sleep(RANDOM.uniform(0.05, 0.35))
        db.execute("insert into doc values (%s, 'new', %s, %s)", [2_000_000 + i, i, embedding])
        committed = time.perf_counter()
        while True:
            hits = collection.query.near_vector(embedding, limit=1, return_properties=["stash_key"]).objects
            if hits and hits[0].properties["stash_key"] == str(2_000_000 + i):
                break
            assert time.perf_counter() - committed < 30
        took.append(1e3 * (time.perf_counter() - committed))
    p50, p99 = quantile(took, 0.5), quantile(took, 0.99)
    print(f"\n### From a commit to its row being found in Weaviate, idle system, {samples} commits among {rows:,} objects\n")
    print("| p50, ms | p99, ms | slowest, ms |")
    print("|---:|---:|---:|")
    print(f"| {marked(p50, 100)} | {marked(p99, 500)} | {max(took):.0f} |", flush=True)


def print_search(db, client, rows, samples):
    loaded(db, client, rows)
    collection = client.collections.get("Doc")
    theirs, mine = [], []
    metadata = wvc.query.MetadataQuery(distance=True)
    statement = "select id, distance, properties, engine from stash.vector_search('doc', %b, 10)"
    for i, embedding in enumerate(queries(samples + 20)):
        turn = {}

        def ask_client():
            began = time.perf_counter()
            hits = collection.query.near_vector(embedding, limit=10, return_metadata=metadata, return_properties=["title", "n"]).objects
            turn["client"] = time.perf_counter() - began
            return [int(hit.properties["n"]) for hit in hits]

        def ask_stash():
            began = time.perf_counter()
            found = db.execute(statement, [embedding], prepare=True).fetchall()
            turn["stash"] = time.perf_counter() - began
            assert all(row[3] == "weaviate" for row in found), found
            return [row[2]["n"] for row in found]

        # Who comes second finds the index in the processor's cache.
        first, second = (ask_client, ask_stash) if i % 2 else (ask_stash, ask_client)
        one, two = first(), second()
        assert len(one) == len(two) == 10
        assert len(set(one) & set(two)) >= 7, "they find other rows"
        if i >= 20:
            theirs.append(1e3 * turn["client"])
            mine.append(1e3 * turn["stash"])
    print(f"\n### The ten nearest of {rows:,} objects, {samples} searches in turns\n")
    print("| by | p50, ms | p99, ms | / Python client |")
    print("|---|---:|---:|---:|")
    print(f"| Python client, gRPC | {median(theirs):.2f} | {quantile(theirs, 0.99):.2f} | – |")
    print(f"| `stash.vector_search`, rows from the table | {median(mine):.2f} | {quantile(mine, 0.99):.2f} | {marked(median(mine) / median(theirs), 1.3)} |", flush=True)
    forget(db, client, "doc", "Doc")


# --- the outbox while a transaction is open elsewhere ---

LEAVES = "select sum(pg_total_relation_size('stash.vector_outbox_' || g))::bigint from generate_series(0, 2) as g"


def print_outbox(db, client, changes):
    rows, dimensions = 20000, 8
    db.execute("create table doc (id int primary key, n int, embedding real[]) with (fillfactor = 50)")
    db.execute("insert into doc select g, 0, array_fill(g::real, array[%s::int]) from generate_series(1, %s::int) as g", [dimensions, rows])
    db.execute("select stash.vector_sync_enable('doc', 'embedding', '{n}', 'Doc')")
    wait(db, "doc")
    other = psycopg.connect("")
    other.execute("set transaction isolation level repeatable read")
    other.execute("select count(*) from doc")
    most = 0
    began = time.perf_counter()
    for turn in range(changes // rows):
        db.execute("update doc set n = n + 1")
        most = max(most, db.execute(LEAVES).fetchone()[0])
    written = time.perf_counter() - began
    wait(db, "doc", 3000)
    took = time.perf_counter() - began
    after = None
    for _ in range(100):
        after = db.execute(LEAVES).fetchone()[0]
        if after < 1_000_000:
            break
        time.sleep(0.1)
    status = db.execute("select pending, sent from stash.vector_sync_status()").fetchone()
    assert status[0] == 0, status
    other.execute("select count(*) from doc")
    other.close()
    print(f"\n### {changes:,} changes through the outbox while another transaction stays open\n")
    print("| changes | written after, s | in Weaviate after, s | objects sent | outbox at its largest, MB | afterwards, transaction still open, MB | all changes kept would be, MB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    print(f"| {changes:,} | {written:.0f} | {took:.0f} | {status[1]:,} | {most / 1e6:.1f} | {after / 1e6:.1f} | {changes * 60 / 1e6:.0f} |", flush=True)
    forget(db, client, "doc", "Doc")


TABLES = ["forward", "commits", "bulk", "arrival", "search", "outbox"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--changes", type=int)
    parser.add_argument("tables", nargs="*")
    options = parser.parse_args()
    rows = options.rows or (10_000 if options.quick else 100_000)
    rounds = options.rounds or (1 if options.quick else 3)
    tables = options.tables or TABLES
    if unknown := set(tables) - set(TABLES):
        parser.error(f"no table {unknown}")
    db = connect()
    db.execute("create extension if not exists pg_stash")
    db.execute("select stash.weaviate_configure(%s)", [URL])
    client = weaviate.connect_to_local(port=PORT, grpc_port=PORT + 1)
    try:
        for table in tables:
            if table not in ("arrival", "search") and is_there(db, "doc"):
                forget(db, client, "doc", "Doc")
            match table:
                case "forward":
                    print_forward(db, client, rows, rounds)
                case "commits":
                    print_commits(db, client, rows, rounds, 3 if options.quick else 8)
                case "bulk":
                    print_bulk(db, client, rows, max(rounds, 3))
                case "arrival":
                    print_arrival(db, client, rows, 60 if options.quick else 300)
                case "search":
                    print_search(db, client, rows, 100 if options.quick else 500)
                case "outbox":
                    print_outbox(db, client, options.changes or (200_000 if options.quick else 1_000_000))
    finally:
        client.close()


main()
