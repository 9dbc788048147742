"""Automat's typed machines. It has no guards: the one who sends an event that needs one asks the guard first."""

from importlib.metadata import version
from typing import Protocol

from _serve import PATH, STATES, Agents, serve
from automat import TypeMachineBuilder


class Chat(Protocol):
    def queued(self, agent: str) -> str: ...
    def connecting(self, agent: str) -> str: ...
    def connected(self, agent: str) -> str: ...
    def connected_has_agent(self, agent: str) -> str: ...
    def ivr(self, agent: str) -> str: ...
    def joined(self, agent: str) -> str: ...
    def left(self, agent: str) -> str: ...
    def left_is_last(self, agent: str) -> str: ...


def chart():
    from _serve import ROWS

    builder = TypeMachineBuilder(Chat, Agents)
    found = {name: builder.state(name) for name in ("wrapping_up", *(s for s in STATES if s != "wrapping_up"))}
    for row in ROWS:
        name = f"{row['on']}_{row['when']}" if "when" in row else row["on"]
        for source in row["from"]:
            found[source].upon(getattr(Chat, name)).to(found[row["to"]])(_effect(row.get("do"), row["to"]))
    return builder.build()


def _effect(do, target):
    def effect(chat, core: Agents, agent: str) -> str:
        if do is not None:
            getattr(core, do)(agent)
        return target

    return effect


CHAT = chart()


def start():
    core = Agents()
    return CHAT(core), core


def send(chat, core: Agents, on: str, agent: str) -> str:
    if on == "connected" and core.has_agent(agent):
        on = "connected_has_agent"
    elif on == "left" and core.is_last(agent):
        on = "left_is_last"
    return getattr(chat, on)(agent)


def lap(session):
    chat, core = session
    for on, agent in PATH:
        send(chat, core, on, agent)
    return session


def states(session) -> list[str]:
    return [send(*session, on, agent) for on, agent in PATH]


if __name__ == "__main__":
    serve(version("automat"), start, lap, states)
