"""`transitions.extensions.HierarchicalMachine`, with the same flat states."""

from importlib.metadata import version

from _serve import STATES, serve
from transitions.extensions import HierarchicalMachine
from transitions_machine import INITIAL, Model, lap, states, table


def start() -> Model:
    model = Model()
    initial = INITIAL.replace("_", "-")
    names = [state.replace("_", "-") for state in STATES]  # "_" separates nested states there
    rows = [
        {**row, "source": [s.replace("_", "-") for s in row["source"]], "dest": row["dest"].replace("_", "-")}
        for row in table()
    ]
    HierarchicalMachine(model, states=names, transitions=rows, initial=initial, auto_transitions=False)
    return model


def passed(model: Model) -> list[str]:
    return [state.replace("-", "_") for state in states(model)]


if __name__ == "__main__":
    serve(version("transitions"), start, lap, passed)
