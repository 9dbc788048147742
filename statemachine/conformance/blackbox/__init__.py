"""The black box: judge any client that speaks HTTP, by running it against the emulator case by case.

Needs the extra `http`. The rest of the kit does not import it.
"""
