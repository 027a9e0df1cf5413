#!/usr/bin/env python3
"""The same load as load.cpp by Weaviate's own Python client (gRPC), as its documentation advises:

    load.py HTTP_PORT GRPC_PORT COLLECTION ROWS DIMENSIONS BATCH CONCURRENT

Prints objects a second and microseconds of processor time an object. Vectors are made before the
clock starts, as lists of Python floats, which the client takes fastest. Each object has its own: a
server inserts the same vector again much faster than another one.
"""
import resource
import sys
import time
import uuid

import weaviate

from embeddings import embeddings


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    http_port, grpc_port, name, rows, dimensions, batch_size, concurrent = sys.argv[1:]
    rows, dimensions = int(rows), int(dimensions)
    vectors = embeddings(rows, dimensions).tolist()
    client = weaviate.connect_to_local(port=int(http_port), grpc_port=int(grpc_port))
    try:
        collection = client.collections.get(name)
        processor_before = processor_time()
        began = time.perf_counter()
        with collection.batch.fixed_size(int(batch_size), int(concurrent)) as batch:
            for i in range(rows):
                batch.add_object(
                    properties={"title": f"the title of document {i}", "n": i},
                    vector=vectors[i],
                    uuid=uuid.uuid5(uuid.NAMESPACE_DNS, str(i)),
                )
        took = time.perf_counter() - began
        processor = processor_time() - processor_before
        if collection.batch.failed_objects:
            sys.exit(f"failed: {collection.batch.failed_objects[0].message}")
        count = collection.aggregate.over_all(total_count=True).total_count
        if count != rows:
            sys.exit(f"{count} objects are there")
    finally:
        client.close()
    print(f"{rows / took:.1f} {1e6 * processor / rows:.2f}")


main()
