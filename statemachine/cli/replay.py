"""`statemachine replay FILE…`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from statemachine.replay import (
    BadCapture,
    Replay,
    TimelineRow,
    page,
    play,
    read_capture,
    redacted,
    report,
    sequence,
    story,
    trace_lines,
)
from statemachine.replay.report import counts, sentence
from statemachine.replay.words import command_words

from ..core import Poll
from .app import in_trouble, needing_extras
from .files import FILE, content_of, write
from .listening import open_page
from .screen import PHASE_WIDTH, Piece, Screen, phase_style
from .stopping import stop_signal
from .text import clipped, visible

_WHO: Final = 14
_TEXT: Final = 2_000
"""Characters of one row; the rest of a long message says nothing new about the chat."""


@click.command(name="replay")
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option("--chat-id", default="", metavar="ID", help="The chat it is about; otherwise the one the files name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the timeline.")
@click.option("--mermaid", is_flag=True, help="Print a sequence diagram instead, as Mermaid text.")
@click.option("--html", type=FILE, metavar="OUT", help="Write the story as a page instead.")
@click.option("--trace", type=FILE, metavar="OUT", help="Write the steps of the engine as a trace instead.")
@click.option("--open", "show", is_flag=True, help="Open a page in the browser that shows the files dropped on it.")
@click.option("--redact", is_flag=True, help="Hide texts, names and numbers; show only their length.")
def command(
    files: tuple[str, ...],
    chat_id: str,
    as_json: bool,
    mermaid: bool,
    html: Path | None,
    trace: Path | None,
    show: bool,
    redact: bool,
) -> int:
    """Replay captured traffic through the engine: each event, the phase after it, the commands, and anomalies.

    FILE is any of these, recognised by itself; - is standard input; a gzip of one is unpacked; several files are one
    capture, in the order given.

    \b
      a wire container     {"events": […]}, or a list of events
      JSON lines           containers or single events, one a line
      a HAR file           from a browser or a proxy; with requests and errors
      a trace              of this product (statemachine demo --trace FILE)

    Bare events are replayed as a chat under way. Of a HAR file, the calls count whose path has /clientweb/api/v1/ or
    /v2/; of several chats the first is replayed, or the one that --chat-id names. Entries after the end are counted,
    and change nothing.

    --html tells it as a story: one page that needs no network, with the timeline, the sequence of calls, the lifecycle,
    the transcript, and why each step went as it did. It holds what people wrote, unless --redact is given. --open
    serves a page on this machine, until Ctrl-C, that shows the files dropped on it in the same way.

    --trace writes the same chat as the engine's own events, commands and updates, as `--trace` of a client does.

    --json prints one object; instants are milliseconds since the epoch (UTC) or null:

    \b
      phase       of the chat at the end: queued, agent_joined, ended…
      outcome     ended, completed, failed, refused, gave_up, timed_out, gone; or null
      chat_id     or null
      events      number of entries read, unknown and malformed ones included
      unknown     number of entries whose name is not known
      malformed   number of entries that cannot be read; such a line counts as one entry
      unread      number of calls of a HAR file that are not recorded whole
      parties     [{id, name, type, present}], in order of joining
      messages    [{type, text, own, party, msg_id, time, late, historic, state}]; type: text, file or location
      anomalies   [{at, kind, detail}]
      timeline    [{event, phase, commands, at, who, what, notes}]; event: its name on the wire, the call (create, find,
                  poll, history, post), or the engine's event in a trace; commands: executed after it, {type, id, …}

    Exit status: 0 replayed, whatever the outcome; 2 a file is unreadable or none of these; 130 stopped by Ctrl-C.
    """
    if show:
        if files:
            raise click.UsageError("--open takes no FILE: drop it on the page.")
        return _view(redact)
    if not files:
        raise click.UsageError("Missing argument 'FILE…'.")
    with in_trouble(BadCapture):
        capture = read_capture([(_name(file), content_of(file)) for file in files])
    replay = play(redacted(capture) if redact else capture, chat_id)
    if html is not None:
        _write(html, page(story(replay, ", ".join(Path(_name(file)).name for file in files))))
    elif trace is not None:
        write(trace, "".join(f"{line}\n" for line in trace_lines(replay)))
        click.echo(f"{trace}: {len(replay.steps)} steps")
    elif mermaid:
        click.echo(sequence(replay), nl=False)
    elif as_json:
        click.echo(json.dumps(report(replay)).replace("\x7f", "\\u007f"))
    else:
        _show(replay, files)
    return 0


def _view(hidden: bool) -> int:
    """The viewer, until Ctrl-C; the exit status."""
    with needing_extras("statemachine replay --open"):
        return asyncio.run(_viewing(hidden))


async def _viewing(hidden: bool) -> int:
    from statemachine.replay.viewer import viewing

    stop = stop_signal()
    async with viewing(hidden) as url:
        screen = Screen()
        screen.line(f"Drop a trace, a capture or a HAR file on {url}")
        await open_page(screen, url)
        screen.line("Ctrl-C stops it.")
        return await stop


def _write(path: Path, text: str) -> None:
    """A page, and where it is."""
    write(path, text)
    click.echo(f"{path}: {len(text) // 1_000:,} KB; open it in a browser")


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


# --- the timeline ---------------------------------------------------------------------------------------------------


def _show(replay: Replay, files: tuple[str, ...]) -> None:
    screen = Screen()
    about = f" · chat {replay.chat_id}" if replay.chat_id else ""
    names = ", ".join(f"{_name(file)} ({form})" for file, form in zip(files, replay.forms, strict=True))
    screen.line((names, "bold"), (about, "dim"))
    screen.line()
    timed = any(row.at for row in replay.rows)
    for row in replay.rows:
        if not row.quiet:
            _show_row(screen, row, timed)
    if replay.rows:
        screen.line()
    screen.line((sentence(replay), phase_style(replay.session.phase)))
    screen.line((f"{counts(replay)}.", "dim"))


def _show_row(screen: Screen, row: TimelineRow, timed: bool) -> None:
    time = f"{_clock(row.at):<10}" if timed else ""
    start = len(time) + PHASE_WIDTH + 2
    pieces: list[Piece] = [
        (time, "dim"),
        (f"{row.phase:<{PHASE_WIDTH}}  ", phase_style(row.phase)),
        (f"{clipped(visible(row.who), _WHO):<{_WHO}} ", "bold"),
        (clipped(row.what, _TEXT), "yellow" if row.notes else ""),
    ]
    doing = command_words(command for command in row.commands if not isinstance(command, Poll))
    if doing:
        pieces.append((f"  → {doing}", "dim"))
    screen.line(*pieces, indent=start + _WHO + 1)
    for note in row.notes:
        if note in ("unknown", "malformed"):  # the row itself says so
            continue
        screen.line(" " * start, (f"! {note}", "yellow"), indent=start + 2)


def _clock(at: int | None) -> str:
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at / 1_000, UTC).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "?"
