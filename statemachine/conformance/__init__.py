"""The conformance kit: vectors, laws and random traces for any implementation of the engine.

`kit` lists and runs the checks; `judge` runs one vector on one implementation; `process` is an implementation behind a
pipe; `suite` and `plugin` are for pytest. `strategies` needs hypothesis, all else the core alone.
"""
