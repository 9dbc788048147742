from typing import assert_never

from statemachine import ConnectionState


def shown(state: ConnectionState) -> str:
    match state:
        case "off" | "polling" | "paused" | "blocked":
            return state
        case _:
            assert_never(state)  # wrong
