"""Embeddings for the benchmarks, the same for every contestant.

Not plainly random numbers: those are all equally far from each other, which no model's embeddings are,
and an index of them is several times slower to build and finds little. These spread along 32
directions, unequally, with some noise around them.
"""
import numpy

DIRECTIONS = 32


def embeddings(count, dimensions, seed=1):
    """A float32 array of so many rows, each of length 1."""
    generator = numpy.random.default_rng(7)
    directions = generator.standard_normal((DIRECTIONS, dimensions)) * (1 / numpy.sqrt(1 + numpy.arange(DIRECTIONS)))[:, None]
    generator = numpy.random.default_rng(seed)
    rows = generator.standard_normal((count, DIRECTIONS)) @ directions + 0.1 * generator.standard_normal((count, dimensions))
    return (rows / numpy.linalg.norm(rows, axis=1)[:, None]).astype(numpy.float32)
