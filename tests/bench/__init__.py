"""Benchmark: speed, size and age of the engine, compared with other libraries and with a hand-written baseline.

`python -m tests.bench` runs it. Each engine runs in a process of its own, and they take turns within one run, because a
ratio of two figures from the same second means more than absolute figures taken an hour apart.
"""
