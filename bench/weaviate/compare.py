#!/usr/bin/env python3
"""Loads a Weaviate by each contestant in turns, round after round, and prints a Markdown table:

    compare.py LOADER PYTHON ROWS DIMENSIONS ROUNDS

LOADER is the program of load.cpp, PYTHON an interpreter with weaviate-client. The server is that of
STASH_TEST_WEAVIATE_URL, its gRPC port the one behind it. Ratios are taken inside a round, to the
Python client; the median of the rounds is printed.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from embeddings import embeddings

url = os.environ["STASH_TEST_WEAVIATE_URL"]
here = pathlib.Path(__file__).parent


def call(method, path, body=None):
    request = urllib.request.Request(
        url + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def create(name):
    call(
        "POST",
        "/v1/schema",
        {
            "class": name,
            "vectorizer": "none",
            "vectorIndexConfig": {"distance": "cosine"},
            "properties": [
                {"name": "title", "dataType": ["text"]},
                {"name": "n", "dataType": ["int"]},
            ],
        },
    )


def main():
    loader, python, rows, dimensions, rounds = sys.argv[1:]
    port = urllib.parse.urlsplit(url).port
    vectors = tempfile.NamedTemporaryFile()
    embeddings(int(rows), int(dimensions)).tofile(vectors.name)

    def core(dialect, flights, batch):
        return lambda name: [loader, url, name, rows, dimensions, dialect, flights, batch, vectors.name]

    def official(batch, concurrent):
        script = str(here / "load.py")
        return lambda name: [python, script, str(port), str(port + 1), name, rows, dimensions, batch, concurrent]

    contestants = {
        "Python client, fixed_size(200, 4)": official("200", "4"),
        "Connect, 1 × 200": core("connect", "1", "200"),
        "Connect, 2 × 200": core("connect", "2", "200"),
        "Connect, 4 × 200": core("connect", "4", "200"),
        "Connect, 2 × 1000": core("connect", "2", "1000"),
        "REST, 4 × 200": core("rest", "4", "200"),
    }
    measured = {title: [] for title in contestants}
    for _ in range(int(rounds)):
        for title, command in contestants.items():
            create("Bench")
            try:
                out = subprocess.run(command("Bench"), check=True, stdout=subprocess.PIPE, text=True).stdout
            finally:
                call("DELETE", "/v1/schema/Bench")
            measured[title].append(tuple(float(each) for each in out.split()))

    base = measured["Python client, fixed_size(200, 4)"]
    print(f"\n### Loading Weaviate: {int(rows):,} objects of {dimensions} dimensions\n")
    print("| client, batches under way × objects | objects/s | / Python client | client's processor time, µs an object |")
    print("|---|---:|---:|---:|")
    for title, results in measured.items():
        ratio = statistics.median(mine[0] / theirs[0] for mine, theirs in zip(results, base))
        rate = statistics.median(each[0] for each in results)
        processor = statistics.median(each[1] for each in results)
        print(f"| {title} | {rate:.0f} | {ratio:.2f} | {processor:.0f} |")
    print("\nServer and client share the machine: what the client leaves of the processors decides.")


main()
