"""The schedule: actions run in order of time, and those of the client depend on its process and its machine."""

from __future__ import annotations

from collections.abc import Callable

from statemachine.simulation.schedule import Schedule


class Recorder:
    """A schedule whose actions are recorded, each with its time."""

    def __init__(self) -> None:
        self.schedule = Schedule(100)
        self.happened: list[tuple[int, str]] = []

    def at(self, due: int, name: str, *, of_client: bool = False) -> None:
        self.schedule.at(due, self.action(name), of_client=of_client)

    def action(self, name: str) -> Callable[[], None]:
        return lambda: self.happened.append((self.schedule.now, name))

    def run(self) -> list[tuple[int, str]]:
        while self.schedule.due is not None:
            action = self.schedule.next()
            if action is not None:
                action()
        return self.happened


def test_the_earliest_action_runs_first_and_of_two_the_one_that_was_scheduled_first() -> None:
    recorder = Recorder()
    for due, name in ((300, "c"), (200, "a"), (200, "b")):
        recorder.at(due, name)
    assert recorder.schedule.due == 200
    assert recorder.run() == [(200, "a"), (200, "b"), (300, "c")]


def test_an_overdue_action_runs_now() -> None:
    recorder = Recorder()
    recorder.at(50, "late")
    recorder.schedule.after(10, recorder.action("next"))
    assert recorder.run() == [(100, "late"), (110, "next")]


def test_actions_of_the_client_are_dropped_when_its_process_dies() -> None:
    recorder = Recorder()
    recorder.at(200, "client", of_client=True)
    recorder.at(300, "server")
    recorder.schedule.process_died()
    recorder.at(400, "next process", of_client=True)
    assert recorder.run() == [(300, "server"), (400, "next process")]


def test_actions_of_a_sleeping_machine_run_in_order_when_it_wakes() -> None:
    recorder = Recorder()
    recorder.schedule.sleep(500)
    recorder.schedule.sleep(400)
    assert recorder.schedule.asleep_until == 500
    recorder.at(200, "first", of_client=True)
    recorder.at(300, "second", of_client=True)
    recorder.at(400, "server")
    recorder.schedule.at(500, recorder.schedule.wake)
    assert recorder.run() == [(400, "server"), (500, "first"), (500, "second")]


def test_what_is_due_when_a_machine_wakes_runs_after_what_was_due_in_its_sleep() -> None:
    recorder = Recorder()
    recorder.schedule.sleep(500)
    recorder.at(300, "in its sleep", of_client=True)
    recorder.at(500, "when it wakes", of_client=True)
    recorder.schedule.at(500, recorder.schedule.wake)
    assert recorder.run() == [(500, "in its sleep"), (500, "when it wakes")]


def test_healing_wakes_the_machine_and_runs_late_alarms_in_time() -> None:
    recorder = Recorder()
    recorder.schedule.sleep(10_000)
    recorder.at(110, "deferred", of_client=True)
    assert recorder.schedule.next() is None
    recorder.schedule.alarm(150, 5_000, recorder.action("alarm"))
    recorder.schedule.heal()
    assert not recorder.schedule.is_asleep
    assert recorder.run() == [(110, "deferred"), (150, "alarm"), (5_150, "alarm")]
