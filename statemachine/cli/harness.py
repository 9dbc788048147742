"""The engine's door of `statemachine conform`: an implementation of the engine, behind a harness that answers lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click
from attrs import evolve, frozen

from statemachine.conformance.implementation import Unusable
from statemachine.conformance.kit import Check, checks, choose, expected_seconds, read_case, replayed, run, smoke
from statemachine.conformance.process import Harness
from statemachine.conformance.vectors import BadVector
from statemachine.conformance.verdicts import Verdict, with_known

from .app import Trouble
from .text import visible

__all__ = ["Asked", "judged", "list_checks", "write"]

_FOLDED: Final = re.compile("[^A-Za-z0-9]+")


@frozen
class Asked:
    """What was asked for. `known`: a file of checks known to fail; `replay`: a stored case; `out`: where cases go."""

    command: tuple[str, ...]
    only: tuple[str, ...]
    cases: int
    seed: int
    known: Path | None
    replay: Path | None
    out: Path

    def checks(self) -> tuple[Check, ...]:
        """The checks asked for. Raises Trouble."""
        found = choose(checks(self.cases, self.seed), self.only)
        if not found:
            raise Trouble(f"no check is called {' or '.join(self.only)}; see statemachine conform --list")
        return found


def list_checks(asked: Asked) -> None:
    """Name the checks."""
    found = asked.checks()
    for check in found:
        tags = " ".join(tag for tag in check.tags if "/" not in tag)
        click.echo(f"{check.id}  [{check.level}{' ' + tags if tags else ''}]  {check.why}")
    click.echo(f"{len(found)} checks")


def judged(asked: Asked, heard: Callable[[Verdict], Verdict]) -> tuple[str, list[Verdict]]:
    """The implementation's name, and a verdict for each check. Raises Trouble where nothing could be judged."""
    found = asked.checks()
    try:
        with Harness(asked.command) as subject:
            name = _titled(subject.hello)
            smoke(subject)
            if asked.replay is not None:
                return name, [heard(_replayed(asked, subject, asked.replay))]
            click.echo(f"{name}: {len(found)} checks, about {max(1, round(expected_seconds(found)))} s")
            known = {*_known(asked.known), *map(str, subject.hello.get("known", ()))}
            return name, [heard(_kept(asked, with_known(one, known))) for one in run(subject, found)]
    except Unusable as error:
        raise Trouble(str(error)) from None


def _titled(hello: dict[str, object]) -> str:
    parts = (hello.get("name", "unnamed"), hello.get("version", ""), hello.get("language", ""))
    return visible(" ".join(str(part) for part in parts if part))


def _known(path: Path | None) -> Iterable[str]:
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{path}: cannot be read: {error}") from None
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def _kept(asked: Asked, verdict: Verdict) -> Verdict:
    """A case that fails is written to a file, and the verdict says how to play it again."""
    if not verdict.evidence:
        return verdict
    path = asked.out / f"case-{_FOLDED.sub('-', verdict.id)}.jsonl"
    write(path, "".join(f"{line}\n" for line in verdict.evidence))
    return evolve(verdict, again=_again(asked, path))


def _again(asked: Asked, path: Path) -> str:
    return f"statemachine conform --replay {shlex.quote(str(path))} -- {shlex.join(asked.command)}"


def _replayed(asked: Asked, subject: Harness, path: Path) -> Verdict:
    try:
        return evolve(replayed(subject, *read_case(path)), again=_again(asked, path))
    except BadVector as error:
        raise Trouble(str(error)) from None


def write(path: Path, what: str | bytes) -> None:
    """Write a file, its folder too. Raises Trouble."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(what.encode("utf-8", "replace") if isinstance(what, str) else what)
    except OSError as error:
        raise Trouble(f"{path}: cannot be written: {error.strerror}") from None
