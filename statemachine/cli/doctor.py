"""`statemachine doctor`."""

from __future__ import annotations

import json
import secrets
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Final

import click
from attrs import asdict, evolve

from statemachine.client.doctor import Finding, Severity, examine
from statemachine.codec.http import Endpoint
from statemachine.proxy import CannotProbe, probe, write_profile

from ..files import replace_private
from ..logs import silenced
from .app import Trouble, in_trouble
from .connection_options import FLAGS, ConnectionOptions, connection_options, in_flags
from .files import FILE, writing
from .screen import Piece, Screen
from .state import found_emulator
from .stopping import run_interruptibly

_MARKS: Final[dict[Severity, Piece]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "bold yellow"),
    "wrong": ("✗", "bold red"),
}
_NO_ADVICE: Final = {"problem": "", "setting": "", "remedy": ""}
_WIDTH: Final = 15


@click.command(name="doctor")
@connection_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the report.")
@click.option(
    "--learn",
    type=FILE,
    metavar="FILE.toml",
    help="Then open a short chat, and write the contact centre's settings that it shows, for emulate --profile.",
)
@click.option("--yes", is_flag=True, help="With --learn: do not ask.")
def command(connection: ConnectionOptions, as_json: bool, learn: Path | None, yes: bool) -> int:
    """Check the connection to a contact centre step by step, and name the setting to correct.

    It looks up the name, connects, and checks the certificate. It finds out the version of the interface, whether
    tenant, app id and the form of the authorization are accepted, whether a chat would be accepted, and which
    parameters the scenario expects. It only reads: no chat is created. Without --url, it checks the emulator on this
    machine.

    --learn opens a chat under a new client id, sends one text and ends the chat. An agent may see it: use a staging
    tenant. It takes about a minute.

    --json: {url, tenant, ok, findings: [{step, verdict, said, problem, setting, remedy, ms}]}.

    Exit status: 0 nothing is wrong; 1 something is; 2 it could not be examined as asked.
    """
    screen = None if as_json else Screen()
    with silenced(), in_flags():
        endpoint, findings = run_interruptibly(_examine(connection, screen))
    wrong = sum(finding.verdict == "wrong" for finding in findings)
    if screen is None:
        click.echo(json.dumps(_report(endpoint, findings)))
    else:
        _close(screen, wrong)
    if learn is not None and not wrong:
        _learn(
            Screen(sys.stderr) if as_json else Screen(),
            evolve(endpoint, client_id=_new_client_id()),
            connection,
            learn,
            yes,
        )
    return 1 if wrong else 0


def _learn(screen: Screen, endpoint: Endpoint, connection: ConnectionOptions, file: Path, yes: bool) -> None:
    """Ask, play a short chat, write the profile. Raises Trouble."""
    question = f"Open a chat at {endpoint.url} (tenant {endpoint.tenant or 'none'}), send one text and end it?"
    if not yes and not click.confirm(question, err=True):
        raise Trouble("nothing was learned: --learn needs a chat")
    playing = probe(endpoint, connection.options(), lambda step: screen.line(("  … ", "dim"), step))
    with silenced(), in_trouble(CannotProbe):
        findings = run_interruptibly(playing)
    with writing(file):
        replace_private(file, write_profile(findings, endpoint.url))
    screen.line(f"{len(findings)} settings were learned: {file}")


async def _examine(connection: ConnectionOptions, screen: Screen | None) -> tuple[Endpoint, list[Finding]]:
    options = connection.options()
    emulator = await found_emulator(connection.url)
    client_id = connection.client_id if connection.client_id is not None else _new_client_id()
    endpoint = connection.endpoint(options, client_id, emulator)
    if screen is not None:
        screen.line(("statemachine doctor: ", ""), (endpoint.url, "bold"), f", tenant {endpoint.tenant or 'none'}")
        screen.line()
    findings: list[Finding] = []
    async with aclosing(examine(endpoint, options)) as examination:
        async for finding in examination:
            findings.append(finding)
            if screen is not None:
                _tell(screen, finding)
    return endpoint, findings


def _new_client_id() -> str:
    return f"doctor-{secrets.token_hex(4)}"


def _tell(screen: Screen, finding: Finding) -> None:
    mark, style = _MARKS[finding.verdict]
    took = (f"  {finding.ms} ms", "dim") if finding.ms else ""
    screen.line((f"  {mark} ", style), f"{finding.step:<{_WIDTH}}", finding.said, took, indent=_WIDTH + 4)
    if finding.advice is not None:
        screen.line(" " * (_WIDTH + 4), (finding.advice.problem, style), indent=_WIDTH + 4)
        flag = FLAGS.get(finding.advice.setting)
        named = (f"{flag}: ", "bold") if flag else ""
        screen.line(" " * (_WIDTH + 4), named, finding.advice.remedy, indent=_WIDTH + 4)


def _close(screen: Screen, wrong: int) -> None:
    screen.line()
    if wrong:
        screen.line((f"✗ {wrong} {'thing' if wrong == 1 else 'things'} to correct", "bold red"))
    else:
        screen.line(("✓ nothing is wrong", "bold green"), ("; no chat was created", "dim"))


def _report(endpoint: Endpoint, findings: list[Finding]) -> dict[str, object]:
    return {
        "url": endpoint.url,
        "tenant": endpoint.tenant,
        "ok": all(finding.verdict != "wrong" for finding in findings),
        "findings": [
            {
                "step": finding.step,
                "verdict": finding.verdict,
                "said": finding.said,
                **(asdict(finding.advice) if finding.advice else _NO_ADVICE),
                "ms": finding.ms,
            }
            for finding in findings
        ],
    }
