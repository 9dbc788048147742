"""The black box: any program that talks HTTP to the emulator, provoked case by case and judged by the emulator's judge.

Needs the extra `http`; nothing of it is imported by the rest of the kit.
"""
