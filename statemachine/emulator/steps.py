"""The parts of a scenario: actions, pauses and waits, all of them data."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen

from statemachine.emulator.actions import Action, Conclude


@frozen
class Pause:
    """Nothing for ``ms`` milliseconds, times the knob ``pace``."""

    ms: int


@frozen
class Await:
    """Wait until the client sends one of ``events``; after ``timeout_ms`` (times ``pace``) do ``otherwise``.

    The script goes on with the next step in both cases, unless ``otherwise`` ended the session.
    ``earlier`` also accepts an event that came since the previous wait.
    """

    events: tuple[str, ...]
    timeout_ms: int | None = None
    otherwise: tuple[Step, ...] = ()
    earlier: bool = False


@frozen
class AnswerTexts:
    """From here on the scenario reacts to the client's texts; earlier texts are answered now."""


@frozen
class Condition:
    """A condition on the client's latest events; all parts have to hold, and an empty one always holds.

    ``says``: its latest text (in a reaction: the text that is answered) contains one of these, in any case of letters.
    ``form``: its latest form answer has these values. ``event``: its latest event is one of these. ``knobs``: the
    centre is set like this.
    """

    says: tuple[str, ...] = ()
    form: Mapping[str, object] = field(factory=dict[str, object])
    event: tuple[str, ...] = ()
    knobs: Mapping[str, object] = field(factory=dict[str, object])


@frozen
class Branch:
    """Goes on with ``then`` if the condition holds, else with ``otherwise``; then with the next step."""

    condition: Condition
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


@frozen
class Repeat:
    """Does ``steps`` so many times (None: for ever), or until the condition holds after a round.

    A round takes a millisecond at least: time goes on even where nothing in it waits.
    """

    steps: tuple[Step, ...]
    times: int | None = None
    until: Condition | None = None
    started: bool = False
    """A round has been done."""


Step = Action | Pause | Await | AnswerTexts | Branch | Repeat


@frozen
class Scenario:
    """A script for a chat, and the reactions to the client's events.

    ``name``, ``about``: for lists. ``on_text`` runs beside the script, once per text, in order. ``on_disconnect``
    and ``on_end`` replace the rest of the script. ``teaches``: the lesson for a client's developer. ``knobs`` are
    the centre's settings that belong to it, as ``knobs.from_settings`` takes them.
    """

    name: str
    about: str
    script: tuple[Step, ...] = ()
    on_text: tuple[Step, ...] = ()
    on_disconnect: tuple[Step, ...] = ()
    on_end: tuple[Step, ...] = (Conclude(),)
    teaches: str = ""
    knobs: Mapping[str, object] = field(factory=dict[str, object])


@frozen
class Cause:
    """The client's text a reaction answers."""

    msg_id: str
    text: str


@define
class Track:
    """A place in a list of steps: the rest, and the time or the event that it waits for."""

    steps: list[tuple[Step, Cause | None]] = field(factory=list[tuple[Step, Cause | None]])
    wake: int | None = None
    awaiting: Await | None = None

    def replace(self, steps: tuple[Step, ...]) -> None:
        """Replace the rest by these steps."""
        self.steps = [(step, None) for step in steps]
        self.wake = None
        self.awaiting = None
