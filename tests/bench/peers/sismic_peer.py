"""sismic: a statechart whose guards and effects are Python texts, one interpreter for each session."""

from importlib.metadata import version

from _serve import PATH, ROWS, STATES, serve
from sismic.interpreter import Interpreter
from sismic.io import import_from_yaml

GUARDS = {"has_agent": "bool(agents)", "is_last": "agents == (event.agent,)"}
EFFECTS = {
    "admit": "agents = (*agents, event.agent)",
    "dismiss": "agents = tuple(a for a in agents if a != event.agent)",
}


def guard_of(row: dict[str, object]) -> str:
    """sismic wants at most one arc to be possible: the second row of a cell denies the guard of the first."""
    if "when" in row:
        return GUARDS[row["when"]]
    first = next((one["when"] for one in ROWS if one["on"] == row["on"] and "when" in one), None)
    return "" if first is None else f"not ({GUARDS[first]})"


def chart() -> str:
    lines = ["statechart:", "  name: chat", "  preamble: agents = ()", "  root state:", "    name: chat"]
    lines += ["    initial: wrapping_up", "    states:"]
    for state in STATES:
        lines += [f"      - name: {state}", "        transitions:"]
        for row in ROWS:
            if state in row["from"]:
                lines += [f"          - event: {row['on']}", f"            target: {row['to']}"]
                guard = guard_of(row)
                lines += [f"            guard: {guard}"] if guard else []
                lines += [f"            action: {EFFECTS[row['do']]}"] if "do" in row else []
    return "\n".join(lines)


CHART = import_from_yaml(chart())


def start() -> Interpreter:
    interpreter = Interpreter(CHART)
    interpreter.execute()
    return interpreter


def lap(interpreter: Interpreter) -> Interpreter:
    for on, agent in PATH:
        interpreter.queue(on, agent=agent).execute()
    return interpreter


def states(interpreter: Interpreter) -> list[str]:
    passed = []
    for on, agent in PATH:
        interpreter.queue(on, agent=agent).execute()
        passed.append(next(name for name in interpreter.configuration if name != "chat"))
    return passed


if __name__ == "__main__":
    serve(version("sismic"), start, lap, states)
