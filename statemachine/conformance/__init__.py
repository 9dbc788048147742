"""What any implementation of the engine must hold, and the means to find out: laws, walks, strategies.

`laws` and `walk` need the core alone; `strategies` needs hypothesis (the extra `conformance`).
"""
