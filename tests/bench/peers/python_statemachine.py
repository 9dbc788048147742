"""python-statemachine: a class with states and events, one instance for each session."""

from importlib.metadata import version

from _serve import PATH, ROWS, STATES, Agents, serve

from statemachine import State, StateMachine

INITIAL = "wrapping_up"


def chart() -> type[StateMachine]:
    found = {name: State(name, value=name, initial=name == INITIAL) for name in STATES}
    body: dict[str, object] = dict(found)
    for on in dict.fromkeys(row["on"] for row in ROWS):
        event = None
        for row in ROWS:
            if row["on"] == on:
                for source in row["from"]:
                    one = found[source].to(found[row["to"]], cond=row.get("when"), on=row.get("do"))
                    event = one if event is None else event | one
        body[f"on_{on}"] = event
    for name in ("has_agent", "is_last", "admit", "dismiss"):
        body[name] = _asking(name)
    return type(StateMachine)("Chat", (StateMachine,), body)


def _asking(name: str):
    def ask(self, agent: str = ""):
        return getattr(self.room, name)(agent)

    ask.__name__ = name
    return ask


CHAT = chart()


def start() -> StateMachine:
    machine = CHAT()
    machine.room = Agents()
    return machine


def lap(machine: StateMachine) -> StateMachine:
    for on, agent in PATH:
        machine.send(f"on_{on}", agent=agent)
    return machine


def states(machine: StateMachine) -> list[str]:
    passed = []
    for on, agent in PATH:
        machine.send(f"on_{on}", agent=agent)
        passed.append(next(iter(machine.configuration)).value)
    return passed


if __name__ == "__main__":
    serve(version("python-statemachine"), start, lap, states)
