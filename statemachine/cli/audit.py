"""`statemachine audit FILE.har…`."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Final

import click

from statemachine.codec.body import MAX_BODY
from statemachine.conformance.blackbox.audit import Audit, audit
from statemachine.conformance.blackbox.recorded import BadRecording, read_recording

from .app import Trouble
from .files import reading
from .findings import as_data, lines
from .screen import Screen

__all__ = ["command"]

_GZIP: Final = b"\x1f\x8b"


@click.command(name="audit")
@click.argument("files", nargs=-1, required=True, metavar="FILE.har…", type=click.Path(path_type=Path))
@click.option("--url", default="https://your.contact.centre", metavar="URL", help="The address in the curl scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(files: tuple[Path, ...], url: str, as_json: bool) -> None:
    """Find faults of a client in its recorded traffic, by the rules that the emulator checks.

    FILE.har is a browser's or a proxy's export of network traffic; only calls with /clientweb/api/ in their path count.
    The report names lost messages, useless polls and texts sent twice, with the requests that prove it, and a curl
    script that repeats them. Neither holds credentials or texts of the file.

    Exit status: 0 nothing was found; 1 something was; 2 a file is unreadable or no HAR.
    """
    audits = {path: _audited(path, url) for path in files}
    if as_json:
        click.echo(json.dumps({"files": [{"file": str(path), **_data(one)} for path, one in audits.items()]}))
    else:
        screen = Screen()
        for path, one in audits.items():
            _show(screen, path, one)
    if any(one.findings for one in audits.values()):
        raise click.exceptions.Exit(1)


def _audited(path: Path, url: str) -> Audit:
    try:
        with reading(path), path.open("rb") as file:
            content = file.read(MAX_BODY + 1)
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        if len(content) > MAX_BODY:
            raise Trouble(f"{path}: larger than {MAX_BODY // 1_000_000} MB: export the chat's calls only")
        return audit(read_recording(json.loads(content)), url)
    except BadRecording as error:
        raise Trouble(f"{path}: {error}") from None
    except (ValueError, RecursionError, zlib.error, EOFError, gzip.BadGzipFile):
        raise Trouble(f"{path}: this is no HAR file: a browser's or a proxy's export of its network traffic") from None


def _data(one: Audit) -> dict[str, object]:
    return {
        "calls": one.calls,
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
    counts = f"{one.in_vain} polls in vain, {one.doubled} sent twice, {one.lost} messages lost"
    screen.line((counts if one.findings else "nothing found", "yellow" if one.findings else "green"))
