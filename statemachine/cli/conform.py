"""`statemachine conform`; `harness` tests engines, `blackbox` tests clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import frozen

from statemachine.conformance import report
from statemachine.conformance.pack import pack
from statemachine.conformance.results import CheckResult, as_strict, conforms

from .app import grouped, needing_extras
from .files import FILE, write
from .harness import EngineTrial
from .screen import progress
from .text import visible
from .trial import ClientOptions, EngineOptions, Judged, client_options, engine_options

if TYPE_CHECKING:
    from .blackbox import ClientTrial


@frozen
class Reporting:
    """What is done with verdicts."""

    strict: bool
    junit: Path | None
    html: Path | None
    json: Path | None
    verbose: bool

    def heard(self, found: CheckResult) -> CheckResult:
        """Print a verdict as soon as it is known."""
        verdict = as_strict(found) if self.strict else found
        if self.verbose or (verdict.status not in ("passed", "skipped") and not verdict.rule):
            progress("")
            click.echo("\n".join(map(visible, report.lines_of(verdict))))
        return verdict

    def close(self, judged: Judged) -> None:
        """Write the reports, and print the summary."""
        name, verdicts = judged.name, judged.results
        for path, written in ((self.junit, report.junit), (self.html, report.html), (self.json, report.as_json)):
            if path is not None:
                write(path, written(name, verdicts))
        for some in report.rules_of(verdicts):
            click.echo("\n".join(map(visible, report.rule_lines(some))))
        last = report.summary(name, verdicts, judged.scope)
        for line in (*report.skipped_lines(verdicts), *report.ladder(verdicts), last):
            click.echo(visible(line))


_reporting: Final = grouped(
    "reporting",
    Reporting,
    click.option("--strict", is_flag=True, help="Treat SHOULD rules as MUST."),
    click.option("--junit", type=FILE, help="Write JUnit XML to this file."),
    click.option("--html", type=FILE, help="Write an HTML report to this file."),
    click.option("--json", type=FILE, help="Write all results to this file, as one JSON object."),
    click.option("--verbose", "-v", is_flag=True, help="List passed cases and all evidence; with --list, all rules."),
)


@click.command(name="conform")
@client_options
@click.option("--list", "list_", is_flag=True, help="List the cases and run none.")
@click.option("--only", multiple=True, metavar="NAME", help="Run only this case, prefix, fault (F3) or pattern.")
@click.option("--known", type=FILE, help="File of cases known to fail, one per line; they are run too.")
@engine_options
@_reporting
@click.option("--pack", "pack_", type=FILE, help="Write the kit for engines to this zip file and run nothing.")
@click.argument("given", nargs=-1, metavar="[-- COMMAND...]")
def command(
    client: ClientOptions,
    list_: bool,
    only: tuple[str, ...],
    known: Path | None,
    engine: EngineOptions,
    reporting: Reporting,
    pack_: Path | None,
    given: tuple[str, ...],
) -> int:
    """Test whether an engine or a client conforms to this one.

    An engine in any language is tested through a harness, which answers JSON lines as MESSAGES.md describes (it is in
    the zip file of --pack). Vectors run first, then the laws over random sessions; a failed case is shortened, printed
    and written to a file:

      statemachine conform -- node harness.mjs

    A client is any program that uses the emulator over HTTP. It goes through a catalogue of cases, each with a process
    and an emulator of its own; the emulator detects its faults:

      statemachine conform --client -- python my_client.py

    It reads the emulator's address from STATEMACHINE_URL, STATEMACHINE_TENANT, STATEMACHINE_APP_ID and
    STATEMACHINE_CLIENT_ID, and its orders as JSON lines from standard input: {"do": "start"},
    {"do": "say", "text": "…"}, {"do": "end"}, {"do": "typing"}, {"do": "answer_form", "form": "…", "data": {}},
    {"do": "send_file", "path": "…"}, {"do": "background"}, {"do": "foreground"}. It may ignore unknown orders. It has a
    working directory of its own, the same after a restart.

    Broken rules are listed, the gravest first; -v, --html, --json and --junit have each case with its
    requests and a curl script. A skipped case is listed with its reason. MESSAGES.md describes orders, and reports that
    the client may write to standard output; some rules are judged only by these.

    Exit status: 0 it conforms; 1 it does not; 2 it could not be run.
    """
    if pack_ is not None:
        write(pack_, pack())
        click.echo(f"{pack_}: written")
        return 0
    trial = _trial(given, only, known, client, engine)
    if list_:
        trial.list_cases(reporting.verbose)
        return 0
    if not given and client.port is None:
        raise click.UsageError(trial.missing)
    judged = trial.judged(reporting.heard)
    reporting.close(judged)
    return 0 if conforms(judged.results) else 1


def _trial(
    given: tuple[str, ...], only: tuple[str, ...], known: Path | None, client: ClientOptions, engine: EngineOptions
) -> EngineTrial | ClientTrial:
    if not (client.client or client.watch or client.port is not None):
        return EngineTrial(given, only, known, engine)
    if engine.replay is not None:
        raise click.UsageError("--replay is for an engine's stored case; a client's case is played again by --only")
    with needing_extras("statemachine conform --client"):
        from .blackbox import ClientTrial  # at first use: a test of an engine needs no HTTP library

        return ClientTrial(given, only, known, client)
