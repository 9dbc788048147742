"""`transitions.Machine`: one machine for each session, its triggers bound to the model."""

from importlib.metadata import version

from _serve import PATH, ROWS, STATES, Agents, serve
from transitions import Machine

INITIAL = "wrapping_up"


def table() -> list[dict[str, object]]:
    rows = []
    for row in ROWS:
        one = {"trigger": f"on_{row['on']}", "source": row["from"], "dest": row["to"]}
        rows.append({**one, "conditions": row.get("when"), "after": row.get("do")})
    return rows


class Model(Agents):
    pass


def start() -> Model:
    model = Model()
    Machine(model, states=STATES, transitions=table(), initial=INITIAL, auto_transitions=False)
    return model


def lap(model: Model) -> Model:
    for on, agent in PATH:
        getattr(model, f"on_{on}")(agent)
    return model


def states(model: Model) -> list[str]:
    return [getattr(model, f"on_{on}")(agent) and model.state for on, agent in PATH]


if __name__ == "__main__":
    serve(version("transitions"), start, lap, states)
