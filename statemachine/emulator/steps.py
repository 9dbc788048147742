"""What a scenario is made of: acts, pauses and waits, all of them data."""

from __future__ import annotations

from attrs import define, field, frozen

from statemachine.emulator.acts import Act, Conclude
from statemachine.emulator.shared import Shared


@frozen
class Pause(Shared):
    """Nothing for ``ms`` milliseconds, times the knob ``pace``."""

    ms: int


@frozen
class Await(Shared):
    """Wait until the client sends one of ``events``; after ``timeout_ms`` (times ``pace``) do ``otherwise``.

    The script goes on with the next step in both cases, unless ``otherwise`` ended the session.
    ``earlier`` also accepts an event that came since the previous wait.
    """

    events: tuple[str, ...]
    timeout_ms: int | None = None
    otherwise: tuple[Step, ...] = ()
    earlier: bool = False


@frozen
class Listen(Shared):
    """From here on the scenario reacts to the client's texts; earlier texts are answered now."""


Step = Act | Pause | Await | Listen


@frozen
class Scenario(Shared):
    """One way a session goes: a script, and what is done when the client does something.

    ``on_text`` runs beside the script, once per text, in order. ``on_form`` runs at once for each answered
    form that no step awaited. ``on_disconnect`` and ``on_end`` replace whatever is left of the script.
    """

    name: str
    about: str
    script: tuple[Step, ...] = ()
    on_text: tuple[Step, ...] = ()
    on_disconnect: tuple[Step, ...] = ()
    on_end: tuple[Step, ...] = (Conclude(),)


@frozen
class Cause(Shared):
    """The client's text a reaction answers."""

    msg_id: str
    text: str


@define
class Track:
    """A place in a list of steps: what is left, and until when or for what it waits."""

    steps: list[tuple[Step, Cause | None]] = field(factory=list[tuple[Step, Cause | None]])
    wake: int | None = None
    awaiting: Await | None = None

    def replace(self, steps: tuple[Step, ...]) -> None:
        """Forget what was left and go on with these steps."""
        self.steps = [(step, None) for step in steps]
        self.wake = None
        self.awaiting = None
