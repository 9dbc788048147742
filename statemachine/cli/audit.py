"""`statemachine audit FILE.har…`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from statemachine.codec.body import MAX_BODY, parse_body
from statemachine.codec.har import unpacked
from statemachine.conformance.blackbox.audit import Audit, audit
from statemachine.conformance.blackbox.recorded import BadRecording, read_recording

from .app import Trouble, in_trouble
from .files import FILE, content_of
from .findings import as_data, lines
from .screen import Screen


@click.command(name="audit")
@click.argument("files", nargs=-1, required=True, metavar="FILE.har…", type=FILE)
@click.option("--url", default="https://your.contact.centre", metavar="URL", help="The address in the curl scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(files: tuple[Path, ...], url: str, as_json: bool) -> int:
    """Find faults of a client in its recorded traffic, by the rules that the emulator checks.

    FILE.har is a browser's or a proxy's export of network traffic; only calls with /clientweb/api/ in their path count.
    The report names lost messages, useless polls and texts sent twice, with the requests that prove it, and a curl
    script that repeats them. Neither holds credentials or texts of the file.

    Parts of the file that cannot be read (a body left out by the exporter, a time) are counted and named; rules that
    need them are not judged, and a number that needs them is null.

    --json: {files: [{file, calls, unread (calls not recorded whole), notes, polls, polls_in_vain, sent_twice, lost,
    findings: [{rule, level, fault, found, suffers, instead, source, requests, curl}]}]}.

    Exit status: 0 nothing was found in what could be judged; 1 something was; 2 a file is unreadable or no HAR.
    """
    audits = {path: _audited(path, url) for path in files}
    if as_json:
        click.echo(json.dumps({"files": [{"file": str(path), **_data(one)} for path, one in audits.items()]}))
    else:
        screen = Screen()
        for path, one in audits.items():
            _show(screen, path, one)
    return 1 if any(one.findings for one in audits.values()) else 0


def _audited(path: Path, url: str) -> Audit:
    content = unpacked(content_of(path))
    if len(content) > MAX_BODY:
        raise Trouble(f"{path}: larger than {MAX_BODY // 1_000_000} MB: export the chat's calls only")
    with in_trouble(BadRecording, about=path):
        return audit(read_recording(parse_body(content)), url)


def _data(one: Audit) -> dict[str, object]:
    return {
        "calls": one.calls,
        "unread": one.unread,
        "notes": one.notes,
        "polls": one.polls,
        "polls_in_vain": one.in_vain,
        "sent_twice": one.doubled,
        "lost": one.lost,
        "findings": [as_data(finding) for finding in one.findings],
    }


def _show(screen: Screen, path: Path, one: Audit) -> None:
    screen.line((str(path), "bold"), f": {one.calls} calls, {one.polls} polls")
    for line in lines(one.findings):
        screen.line(line, indent=13)
    counted = ((one.in_vain, "polls in vain"), (one.doubled, "sent twice"), (one.lost, "messages lost"))
    counts = ", ".join(f"{words}: not judged" if number is None else f"{number} {words}" for number, words in counted)
    for note in one.notes:
        screen.line(("! ", "yellow"), f"not judged: {note}", indent=2)
    screen.line(counts)
    if one.findings:
        return
    if not one.notes:
        screen.line(("nothing found", "green"))
    elif one.in_vain is None:
        screen.line(("the polls have no answers that can be read, so most rules could not be judged", "yellow"))
    else:
        screen.line(("nothing found in what could be judged", "yellow"))
