"""xstate-statemachine's pure `transition(machine, snapshot, event)`: the other pure step there is in Python."""

from importlib.metadata import version

from _serve import PATH, ROWS, STATES, serve
from xstate_statemachine import MachineLogic, create_machine
from xstate_statemachine.helpers import initial_transition, transition


def chart() -> dict[str, object]:
    found = {}
    for state in STATES:
        on: dict[str, list[dict[str, object]]] = {}
        for row in ROWS:
            if state in row["from"]:
                one = {"target": row["to"]}
                one |= {"guard": row["when"]} if "when" in row else {}
                on.setdefault(row["on"], []).append(one)
        found[state] = {"on": on}
    return {"id": "chat", "initial": "wrapping_up", "context": {}, "states": found}


# Its pure step runs no effects, so who is in the room comes with the event.
GUARDS = {
    "has_agent": lambda context, event: bool(event.payload["agents"]),
    "is_last": lambda context, event: event.payload["agents"] == (event.payload["agent"],),
}
CHART = create_machine(chart(), logic=MachineLogic(guards=GUARDS))


def events():
    agents: tuple[str, ...] = ()
    for on, agent in PATH:
        yield {"type": on, "agent": agent, "agents": agents}
        if on == "joined":
            agents = (*agents, agent)
        elif on == "left":
            agents = tuple(one for one in agents if one != agent)


EVENTS = list(events())


def start():
    return initial_transition(CHART)[0]


def lap(snapshot):
    for event in EVENTS:
        snapshot, _ = transition(CHART, snapshot, event)
    return snapshot


def states(snapshot) -> list[str]:
    passed = []
    for event in EVENTS:
        snapshot, _ = transition(CHART, snapshot, event)
        passed.append(next(iter(snapshot.state_ids)).removeprefix("chat."))
    return passed


if __name__ == "__main__":
    serve(version("xstate-statemachine"), start, lap, states)
