"""Who takes part, and the environment each of them runs in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from attrs import field, frozen

__all__ = ["BASELINE", "CONTENDERS", "OURS", "Absent", "Contender", "Running", "prepare"]

PEERS: Final = Path(__file__).parent / "peers"
_SETUP_SECONDS: Final = 600


class Absent(Exception):
    """This one cannot take part; the message says why."""


@frozen
class Contender:
    """One engine. `script`: in `peers/`. `needs`: what pip or npm installs; "" for what is here already.

    `module`: what a program imports to use it. `goal`: how many times faster ours is to be, or None.
    """

    name: str
    script: str
    needs: str = ""
    module: str = ""
    goal: float | None = None
    arguments: tuple[str, ...] = ()
    held: int = 100_000
    """How many sessions are held to see what one weighs: fewer where they are heavy."""

    @property
    def is_node(self) -> bool:
        return self.script.endswith(".mjs")


OURS: Final = Contender("reduce", "ours.py", module="statemachine")
BASELINE: Final = Contender("baseline", "ours.py", module="attrs", arguments=("--baseline",))
CONTENDERS: Final = (
    OURS,
    BASELINE,
    Contender("transitions Machine", "transitions_machine.py", "transitions", "transitions", 8, held=3_000),
    Contender(
        "transitions HierarchicalMachine",
        "transitions_hierarchical.py",
        "transitions",
        "transitions.extensions",
        held=3_000,
    ),
    Contender("python-statemachine", "python_statemachine.py", "python-statemachine", "statemachine", 90, held=3_000),
    Contender("Automat", "automat_peer.py", "automat", "automat", 3),
    Contender("sismic", "sismic_peer.py", "sismic", "sismic.interpreter", held=10_000),
    Contender(
        "xstate-statemachine, pure", "xstate_statemachine_peer.py", "xstate-statemachine", "xstate_statemachine", 20
    ),
    Contender("XState v5 transition()", "xstate_v5.mjs", "xstate@5", goal=10),
)


def prepare(contender: Contender, home: Path, install: bool) -> list[str]:
    """The command that runs this contender. Raises Absent."""
    script = [str(PEERS / contender.script), *contender.arguments]
    if not contender.needs:
        return [sys.executable, *script]
    if contender.is_node:
        node = shutil.which("node")
        if node is None:
            raise Absent("node is not installed")
        _installed_by_npm(contender.needs, home, install)
        return [node, "--expose-gc", *script]
    return [str(_installed_by_pip(contender.needs, home, install)), "-E", *script]  # nobody else's PYTHONPATH


def _installed_by_pip(needs: str, home: Path, install: bool) -> Path:
    place = home / needs
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = place / "ready"
    if not ready.exists():
        if not install:
            raise Absent(f"{needs} is not installed; without --no-install it is put into {place}")
        venv.create(place, with_pip=True, clear=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", needs], place)
        ready.touch()
    return python


def _installed_by_npm(needs: str, home: Path, install: bool) -> None:
    place = node_home(home)
    if (place / "node_modules" / needs.partition("@")[0]).is_dir():
        return
    npm = shutil.which("npm")
    if not install or npm is None:
        raise Absent(f"{needs} is not installed" + ("" if npm else ", and npm is not here to install it"))
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"private": true}\n', "utf-8")
    _run([npm, "install", "--silent", needs], place)


def node_home(home: Path) -> Path:
    """Where node finds its packages."""
    return home / "node"


def _run(command: list[str], place: Path) -> None:
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=_SETUP_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"installing it failed: {error}") from None
    if done.returncode:
        raise Absent(f"installing it failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


@frozen
class Running:
    """A contender at work in its own process; asked by JSON lines."""

    contender: Contender
    version: str
    _process: subprocess.Popen[str] = field(repr=False)

    @classmethod
    def begin(cls, contender: Contender, command: list[str], home: Path) -> Running:
        """Start it, and see that it passes the states that all pass. Raises Absent."""
        process = subprocess.Popen(
            command,
            cwd=node_home(home) if contender.is_node else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            _, errors = process.communicate()
            raise Absent(f"it does not run: {(errors.strip().splitlines() or ['no word'])[-1]}")
        return cls(contender, json.loads(line)["version"], process)

    def ask(self, **request: Any) -> dict[str, float]:
        """One request, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
