"""The second interpreter: the same rows, run by the library `transitions`.

Nothing in the engine uses it. It is for looking around at run time (what may happen here, what leads on from here), for
the library's own graph beside ours, and as the oracle that each cell is compared with.

    chart = Chart(MACHINES["lifecycle"])
    chart.triggers("queued")                                     # what can change something there
    chart.take("agent_joined", "PartyLeft", {"is_last_agent": True}).target     # "wrapping_up"

`transitions` is loaded when the first chart is built. No model is ever registered with it (one that equals another is
silently left out); each question is asked of a box that is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

from attrs import frozen

from .core.table import Guard, Machine, Row, Verdict


@frozen
class Step:
    """What one event makes of one state: the row that answers, its verdict, and the state after it."""

    verdict: Verdict
    row: Row
    target: str


class _Box:
    """A throw-away model."""

    __slots__ = ("row", "state")

    row: Row

    def __init__(self, state: str) -> None:
        self.state = state


class Chart:
    """One of the engine's machines as a `transitions.Machine`. States are named by their literals, events by their
    classes, guards by their functions.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._events = {on.__name__: on for on in machine.alphabet}
        self._states = {state.name: state for state in machine.states}
        _check_guards(machine)
        self._inner = self._build(_machine_class())

    def may(self, state: str, event: str, guards: Mapping[str, bool] | None = None) -> bool:
        """Whether this event is taken in this state: for these answers of the guards, or without them, for any."""
        if guards is not None:
            return self.take(state, event, guards).verdict == "taken"
        self._known(state, event)
        return any(one.row.verdict == "taken" for one in self._inner.get_transitions(event, source=state))

    def triggers(self, state: str) -> tuple[str, ...]:
        """The events that may be taken in this state, in the order of the alphabet."""
        self._known(state)
        inner = set(self._inner.get_triggers(state))
        return tuple(event for event in self._events if event in inner and self.may(state, event))

    def guards(self, state: str, event: str) -> tuple[str, ...]:
        """The guards that decide here, in the order in which they are tried."""
        self._known(state, event)
        return tuple(row.when.__name__ for row in self._cell(state, event) if row.when is not None)

    def take(self, state: str, event: str, guards: Mapping[str, bool] | None = None) -> Step:
        """Which row answers, where the guards say what `guards` says.

        Nothing is run but the table. Raises LookupError for a state or an event that the machine does not have, and
        ValueError where a guard is tried of which nothing is said.
        """
        self._known(state, event)
        box = _Box(state)
        self._inner.events[event].trigger(box, answers=guards or {})
        return Step(box.row.verdict, box.row, box.state)

    def graph(self) -> str:
        """The rows that are taken, as the Mermaid text that `transitions` itself makes of them."""
        return self._graph

    @cached_property
    def _graph(self) -> str:
        from transitions.extensions.diagrams import GraphMachine

        drawn: Any = self._build(
            _with_rows(GraphMachine),
            only_taken=True,
            graph_engine="mermaid",
            title=self.machine.name,
            show_conditions=True,
        )
        return str(drawn.graph_cls(drawn).get_graph().source)

    def _build(self, kind: Any, only_taken: bool = False, **options: Any) -> Any:
        inner = kind(
            model=None,
            states=list(self._states),
            initial=self.machine.initial.name,
            auto_transitions=False,
            send_event=True,
            after_state_change=_note_row,
            **options,
        )
        for row in self.machine.rows:
            if row.verdict == "taken" or not only_taken:
                inner.add_transition(
                    row.on.__name__,
                    [state.name for state in row.source],
                    None if row.to is None else row.to.name,
                    conditions=None if row.when is None else _condition(row.when),
                    row=row,
                )
        return inner

    def _cell(self, state: str, event: str) -> tuple[Row, ...]:
        return self.machine.cell(self._states[state], self._events[event])

    def _known(self, state: str, event: str | None = None) -> None:
        if state not in self._states:
            raise LookupError(f"the machine {self.machine.name} has no state {state!r}")
        if event is not None and event not in self._events:
            raise LookupError(f"the machine {self.machine.name} never hears {event!r}")


def _check_guards(machine: Machine) -> None:
    """Answers are given by name, so a name must mean one function."""
    named: dict[str, Guard] = {}
    for row in machine.rows:
        if row.when is not None and named.setdefault(row.when.__name__, row.when) is not row.when:
            raise ValueError(f"the machine {machine.name} has two guards named {row.when.__name__}")


def _condition(guard: Guard) -> Callable[[Any], bool]:
    name = guard.__name__

    def condition(data: Any) -> bool:
        answers: Mapping[str, bool] = data.kwargs["answers"]
        if name not in answers:
            raise ValueError(f"the guard {name} is tried, and nothing is said of it")
        return answers[name]

    condition.__name__ = name  # the library's graph shows it
    return condition


def _note_row(data: Any) -> None:
    data.model.row = data.transition.row


@cache
def _machine_class() -> Any:
    from transitions import Machine as Inner

    return _with_rows(Inner)


@cache
def _with_rows(kind: Any) -> Any:
    """A kind of `transitions` machine whose transitions know the row that they were made of."""

    def __init__(self: Any, *args: Any, row: Row, **kwargs: Any) -> None:
        kind.transition_cls.__init__(self, *args, **kwargs)
        self.row = row

    transition = type("RowTransition", (kind.transition_cls,), {"__init__": __init__})
    return type(f"Row{kind.__name__}", (kind,), {"transition_cls": transition})
