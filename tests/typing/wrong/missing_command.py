from typing import assert_never

from statemachine import Command, CreateChat, Poll


def run(command: Command) -> None:
    match command:
        case CreateChat() | Poll():
            pass
        case _:
            assert_never(command)  # wrong: five commands have no branch
