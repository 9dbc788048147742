"""The agenda: in order of time, and what is of the client dies and sleeps with it."""

from __future__ import annotations

from collections.abc import Callable

from statemachine.simulation.agenda import Agenda


class Diary:
    """An agenda that notes what has happened, and when."""

    def __init__(self) -> None:
        self.agenda = Agenda(100)
        self.happened: list[tuple[int, str]] = []

    def plan(self, due: int, what: str, *, of_client: bool = False) -> None:
        self.agenda.later(due, self._note(what), of_client=of_client)

    def alarm(self, due: int, late: int, what: str) -> None:
        self.agenda.alarm(due, late, self._note(what))

    def play(self) -> list[tuple[int, str]]:
        while self.agenda.due is not None:
            todo = self.agenda.next()
            if todo is not None:
                todo()
        return self.happened

    def _note(self, what: str) -> Callable[[], None]:
        return lambda: self.happened.append((self.agenda.now, what))


def test_the_earliest_comes_first_and_of_two_the_one_that_was_planned_first() -> None:
    diary = Diary()
    for due, what in ((300, "c"), (200, "a"), (200, "b")):
        diary.plan(due, what)
    assert diary.agenda.due == 200
    assert diary.play() == [(200, "a"), (200, "b"), (300, "c")]


def test_what_was_due_already_happens_now() -> None:
    diary = Diary()
    diary.plan(50, "late")
    assert diary.play() == [(100, "late")]


def test_what_is_of_the_client_dies_with_its_process() -> None:
    diary = Diary()
    diary.plan(200, "of the client", of_client=True)
    diary.plan(300, "of the world")
    diary.agenda.died()
    diary.plan(400, "of its next life", of_client=True)
    assert diary.play() == [(300, "of the world"), (400, "of its next life")]


def test_a_machine_that_sleeps_makes_up_for_it_in_the_same_order() -> None:
    diary = Diary()
    diary.agenda.sleep(500)
    diary.agenda.sleep(400)
    assert diary.agenda.asleep_until == 500
    diary.plan(200, "first", of_client=True)
    diary.plan(300, "second", of_client=True)
    diary.plan(400, "of the world")
    diary.agenda.later(500, diary.agenda.wake)
    assert diary.play() == [(400, "of the world"), (500, "first"), (500, "second")]


def test_healing_wakes_the_machine_and_brings_alarms_back_to_their_time() -> None:
    diary = Diary()
    diary.agenda.sleep(10_000)
    diary.plan(110, "deferred", of_client=True)
    assert diary.agenda.next() is None
    diary.alarm(150, 5_000, "alarm")
    diary.agenda.heal()
    assert not diary.agenda.is_asleep
    assert diary.play() == [(110, "deferred"), (150, "alarm"), (5_150, "alarm")]
