"""Exact searches by vector_search_local and by pgvector, in turns; prints Markdown.

Started by bench/vectors_local/run beside a server. Both look through the same table of pgvector's
type, which lies in shared_buffers; vector_search_local besides through one of real[]. Both give the
ten nearest rows by cosine, which must be the same. What memory delivers is measured by memchr, which
reads and does next to nothing else, over half a gigabyte, in as many processes as search.
"""
import multiprocessing
import random
import statistics
import sys
import time

import psycopg2

ROWS, DIMENSIONS = 100_000, 384
BYTES = ROWS * DIMENSIONS * 4
SEARCHES_A_TURN = 5
READ_BYTES = 1 << 29
STASH = "SELECT (id->>'id')::int FROM stash.vector_search_local('{}', 'embedding', $1, 10, property_columns => '{{}}')"
PGVECTOR = "SELECT id FROM doc_vector ORDER BY embedding <=> $1 LIMIT 10"


def load(cursor, with_pgvector):
    cursor.execute("CREATE EXTENSION pg_stash")
    cursor.execute("SELECT setseed(0.5)")
    cursor.execute(
        f"""CREATE TABLE doc_real AS SELECT i AS id, (
            SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, {DIMENSIONS}) WHERE i = i) AS embedding
            FROM generate_series(1, {ROWS}) AS i""")
    cursor.execute("ALTER TABLE doc_real ADD PRIMARY KEY (id)")
    cursor.execute(f"PREPARE stash_real (float8[]) AS {STASH.format('doc_real')}")
    if with_pgvector:
        cursor.execute("CREATE EXTENSION vector")
        cursor.execute(f"CREATE TABLE doc_vector AS SELECT id, embedding::vector({DIMENSIONS}) FROM doc_real")
        cursor.execute("ALTER TABLE doc_vector ADD PRIMARY KEY (id)")
        cursor.execute(f"PREPARE stash_vector (float8[]) AS {STASH.format('doc_vector')}")
        cursor.execute(f"PREPARE pgvector (vector) AS {PGVECTOR}")
    cursor.execute("VACUUM ANALYZE")


def search(cursor, name, query):
    literal = ("[{}]" if name == "pgvector" else "{{{}}}").format(",".join(query))
    begun = time.perf_counter()
    cursor.execute(f"EXECUTE {name} ('{literal}')")
    rows = cursor.fetchall()
    return time.perf_counter() - begun, rows


def turn(cursor, names, queries):
    """The median seconds of a search by each contestant; all must find the same."""
    spent, found = {}, {}
    for name in names:
        done = [search(cursor, name, query) for query in queries]
        spent[name] = statistics.median(seconds for seconds, _ in done)
        found[name] = [rows for _, rows in done]
    for name in names:
        if found[name] != found[names[0]]:
            sys.exit(f"NOT VALID: {name} and {names[0]} found different rows")
    return spent


def read_all(barrier, rates):
    # Written, for pages that never were are one and the same page of zeros.
    memory = b"\x02" * READ_BYTES
    for _ in range(5):
        barrier.wait()
        begun = time.perf_counter()
        assert memory.find(b"\x01") == -1
        rates.put(READ_BYTES / (time.perf_counter() - begun))


def memory_rate(processes):
    """Bytes a second that so many processes read together, the median of five times."""
    context = multiprocessing.get_context("fork")
    barrier, rates = context.Barrier(processes), context.Queue()
    readers = [context.Process(target=read_all, args=(barrier, rates)) for _ in range(processes)]
    for reader in readers:
        reader.start()
    seen = [rates.get() for _ in range(5 * processes)]
    for reader in readers:
        reader.join()
    return statistics.median(seen) * processes


def launched(cursor, query):
    """The parallel workers of pgvector's scan, as EXPLAIN ANALYZE counts them."""
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE pgvector ('[{','.join(query)}]')")
    node, workers = cursor.fetchone()[0][0]["Plan"], 0
    while node is not None:
        workers = max(workers, node.get("Workers Launched", 0))
        node = node.get("Plans", [None])[0]
    return workers


def measure(cursor, names, workers, rounds):
    cursor.execute(f"SET max_parallel_workers_per_gather = {workers}")
    if workers:
        # Both shall use them, whatever the planner thinks that they cost.
        cursor.execute("SET parallel_setup_cost = 0")
        cursor.execute("SET parallel_tuple_cost = 0")
    cursor.execute("DISCARD PLANS")
    queries = [[f"{random.uniform(-0.5, 0.5):.6f}" for _ in range(DIMENSIONS)] for _ in range(SEARCHES_A_TURN)]
    if "pgvector" in names and launched(cursor, queries[0]) != workers:
        sys.exit(f"NOT VALID: pgvector's scan did not run with {workers} parallel workers")
    turn(cursor, names, queries)
    all_rounds = []
    for number in range(rounds):
        first = number % len(names)
        all_rounds.append(turn(cursor, names[first:] + names[:first], queries))
    rate = memory_rate(1 + workers)
    titles = {"pgvector": "pgvector, `vector`", "stash_vector": "pg_stash, `vector`", "stash_real": "pg_stash, `real[]`"}
    for name in names:
        seconds = statistics.median(each[name] for each in all_rounds)
        ratio = "–"
        if name != "pgvector" and "pgvector" in names:
            of_it = statistics.median(each["pgvector"] / each[name] for each in all_rounds)
            ratio = f"{of_it:.2f} (≥ 1.00{'' if of_it >= 1 else ' **missed**'})"
        print(f"| {titles[name]} | {workers} | {seconds * 1000:.1f} | {BYTES / seconds / 1e9:.1f} "
              f"| {ratio} | {BYTES / seconds / rate:.2f} of {rate / 1e9:.1f} |", flush=True)


def main():
    random.seed(7)
    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
    there = cursor.fetchone()
    load(cursor, there is not None)
    print(f"\n#### The ten nearest of {ROWS:,} embeddings of {DIMENSIONS} dimensions, by looking at all\n")
    print(f"pgvector {there[0]}.\n" if there else "pgvector is not installed here.\n")
    print("| search | parallel workers | ms | GB of numbers a second | times pgvector's speed | of what memory delivers, GB/s |")
    print("|---|---:|---:|---:|---:|---:|")
    names = ["pgvector", "stash_vector", "stash_real"] if there else ["stash_real"]
    for workers in (0, 1):
        measure(cursor, names, workers, int(sys.argv[1]))


main()
