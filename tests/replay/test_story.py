"""The story of a replay: what it says, that it is safe, and that it works in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest
from attrs import evolve

from statemachine import ChatClient, Finished
from statemachine.cli import main
from statemachine.emulator import actions
from statemachine.emulator.http import Emulator
from statemachine.replay import page, play, read_capture, redacted, report, sequence, story
from statemachine.replay.viewer import viewing
from tests.console.browser import CHROMIUM, Page, chromium
from tests.replay.hars import joined, said, status, whole
from tests.replay.test_play import container, lines, replayed

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\u202eright to left \u05d0\u05d1",
    "<!--",
    "\u2028\u2029",
    "\x00\x1b[31m",
    "a" * 3_000,
    "'\"; --{{x}}`${y}`",
]


def hostile(count: int) -> bytes:
    beginning = [status("queued"), {**joined(), "display_name": "<b>Ada</b>\u202e"}]
    texts = (said(f"{HOSTILE[n % len(HOSTILE)]} {n}", str(n)) for n in range(count))
    return lines({"events": beginning}, *({"events": [one]} for one in texts))


def har_story() -> dict[str, Any]:
    return story(replayed(whole().data()), "whole.har")


def test_between_the_entries_of_a_batch_stands_what_was_then(tmp_path: Path) -> None:
    """All of a batch showed the state after the whole, and no bubble knew its own entry."""
    told = story(replayed(container(status("queued"), joined(), said("hi", "0"), said("bye", "2"))), "a")
    rows = told["rows"]
    assert [row["between"] for row in rows] == [True, True, True, False]
    assert [told["states"][row["state"]]["lifecycle"] for row in rows] == ["queued", *["agent_joined"] * 3]
    assert [len(told["states"][row["state"]]["parties"]) for row in rows] == [0, 1, 1, 1]
    heard = [{told["moves"][place]["heard"] for place in row["moves"]} for row in rows]
    assert "PartyJoined" in heard[1]
    assert "PartyJoined" not in heard[2]
    assert {"StatusQueued", "PartyJoined", "Message"} <= heard[3], "the last row tells of the whole batch"
    assert [bubble["row"] for bubble in told["said"]] == [2, 3]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("demo") / "chat.jsonl"
    assert main(["demo", "--json", "--pace", "0.1", "--trace", str(path)]) == 0
    return path.read_text()


# --- the data ---------------------------------------------------------------------------------------------------------


def test_three_sentences_stand_first() -> None:
    assert har_story()["sentences"] == [
        "The customer waited 2 s for an agent.",
        "The chat ended in good order (outcome ended), after 7 s.",
        "Everything that the customer sent arrived.",
    ]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([joined(), said("hi", "0")], "An agent had joined before the capture begins."),
        ([status("queued")], "The waiting time is unknown: the capture has no times."),
        (
            [status("queued"), *({**said("wait", str(n)), "timestamp": f"17642400{n}0000"} for n in (0, 6))],
            "The customer waited 1 min, and no agent ever joined.",
        ),
    ],
)
def test_how_long_the_customer_waited(events: list[Any], sentence: str) -> None:
    assert story(replayed(container(*events)), "a")["sentences"][0].endswith(sentence)


def test_what_never_arrived_is_counted() -> None:
    replay = replayed(whole().data())
    lost = dict.fromkeys(replay.progress, "failed")
    assert story(evolve(replay, progress=lost), "a")["sentences"][2] == (
        "The one thing that the customer sent certainly or probably never arrived."
    )
    assert "had not arrived when it stopped" in story(evolve(replay, progress={}), "a")["sentences"][2]


def test_every_step_tells_what_stands_where_and_why() -> None:
    told = har_story()
    rows = told["rows"]
    assert [row["phase"] for row in rows] == [row.phase for row in replayed(whole().data()).rows]
    by_what = {row["what"]: row for row in rows}
    ended = by_what["session ended"]
    assert told["states"][ended["state"]]["lifecycle"] == "ended"
    moves = [told["moves"][place] for place in ended["moves"]]
    assert ("lifecycle", "ending", "SessionEnded", "ended") in [
        (m["machine"], m["source"], m["heard"], m["target"]) for m in moves
    ]
    joins = by_what["joins (internal)"]
    assert (joins["from"], joins["who"]) == ("agents", "Ada Larsen")
    assert told["states"][joins["state"]]["parties"] == ["Ada Larsen"]
    assert any(told["states"][row["state"]]["deadlines"] for row in rows)
    assert all(one["why"] for one in told["moves"])
    for bubble in told["said"]:
        assert bubble["own"] or bubble["text"] in rows[bubble["row"]]["what"]


def test_anomalies_are_marked() -> None:
    assert ["unknown"] in [row["notes"] for row in har_story()["rows"]]


def test_nothing_is_told_twice() -> None:
    told = story(replayed(hostile(50)), "a")
    assert len(told["moves"]) < 30
    assert len({json.dumps(one) for one in told["moves"]}) == len(told["moves"])


# --- redaction --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["har", "container", "trace"])
def test_redacted_nothing_of_what_people_wrote_is_left(form: str, trace: str) -> None:
    secret = "Where is my order?"
    data = whole().data()
    if form == "container":
        data = container(joined(), said(secret, "0"))
    elif form == "trace":
        data = trace.encode()
    capture = read_capture([("a", data)])
    plain, hidden = play(capture), play(redacted(capture))
    for text in (page(story(hidden, "a")), json.dumps(report(hidden)), sequence(hidden)):
        assert not any(
            one.text in text for one in plain.transcript if len(one.text) > 4 and one.type == "text" and form != "trace"
        )
        assert secret not in text
        assert form == "trace" or "Larsen" not in text
    assert [row.phase for row in hidden.rows] == [row.phase for row in plain.rows]
    if form != "trace":
        assert "chars" in " ".join(one.text for one in hidden.transcript)


# --- Mermaid ----------------------------------------------------------------------------------------------------------


def test_the_sequence_alone_as_mermaid() -> None:
    text = sequence(replayed(whole().data()))
    assert text.startswith("sequenceDiagram\n    actor customer as Customer\n")
    assert "agents->>engine: Ada Larsen#58; joins (internal)" in text
    assert "engine->>server: send the message" in text
    assert "Note over engine: agent_joined" in text


def test_hostile_text_is_no_syntax_in_mermaid() -> None:
    plain = sequence(replayed(hostile(len(HOSTILE))))
    for line in plain.splitlines()[1:]:
        assert re.fullmatch(r" {4}[\w ]+(?:(?:->>|-->>)[\w ]+)?(?:: (?:[\w .,/()'-]|#\d+;)*)?", line), line
    assert len(plain.splitlines()) < 8 * len(HOSTILE)


@pytest.mark.slow
def test_mermaid_itself_draws_the_sequence() -> None:
    import mermaidx

    assert "Ada Larsen" in str(mermaidx.render(sequence(replayed(whole().data()))).svg())


# --- the page, as text ------------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.tags


def test_the_page_needs_nothing_from_outside_and_runs_only_its_own_script() -> None:
    text = page(har_story())
    found = tags(text)
    policy = next(a["content"] for tag, a in found if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert not any(key in ("src", "href", "style") or key.startswith("on") for _, a in found for key in a)
    assert "http://" not in text.replace('"http://www.w3.org/2000/svg"', "")  # a name
    assert "https://" not in text
    assert re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(|import", script) is None


def test_no_text_breaks_out_of_the_data() -> None:
    expected = [tag for tag, _ in tags(page(har_story()))]
    assert [tag for tag, _ in tags(page(story(replayed(hostile(20)), "</title><script>x</script>")))] == expected
    data = page(story(replayed(hostile(20)), "a")).partition('id="story">')[2].partition("</script>")[0]
    texts = [one["text"] for one in json.loads(data)["said"]]
    assert any("\u05d0\u05d1" in text for text in texts)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    har, out = tmp_path / "whole.har", tmp_path / "story.html"
    har.write_bytes(whole().data())
    assert main(["replay", str(har), "--html", str(out)]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    assert "<title>whole.har</title>" in out.read_text(encoding="utf-8")
    assert main(["replay", str(har), "--mermaid", "--redact"]) == 0
    assert "Larsen" not in capsys.readouterr().out


def test_the_command_says_where_it_cannot_write_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    har = tmp_path / "whole.har"
    har.write_bytes(whole().data())
    assert main(["replay", str(har), "--html", str(har / "a.html")]) == 2
    assert "whole.har/a.html: " in capsys.readouterr().err
    for arguments in (["replay"], ["replay", "--html", str(tmp_path / "a.html")], ["replay", "--open", "chat.har"]):
        assert main(arguments) == 2
        assert "FILE" in capsys.readouterr().err


def test_the_command_opens_the_viewer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[bytes] = []

    def browse(url: str) -> bool:
        with urlopen(url) as reply:
            seen.append(reply.read())
        signal.raise_signal(signal.SIGINT)
        return False

    monkeypatch.setattr("webbrowser.open", browse)
    assert main(["replay", "--open", "--redact"]) == 130
    assert b'{"hidden":true}' in seen[0]
    out = capsys.readouterr().out
    assert "Drop a trace, a capture or a HAR file on http://127.0.0.1:" in out


# --- the page, in a browser -------------------------------------------------------------------------------------------

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@asynccontextmanager
async def opened(text: str, folder: Path) -> AsyncIterator[Page]:
    """The page in a browser, which in the end must have had nothing to complain about."""
    async with chromium() as tab:
        await tab.look(1440, 900)
        await shown(tab, text, folder)
        yield tab
        assert tab.problems == []


async def shown(tab: Page, text: str, folder: Path) -> None:
    path = folder / "story.html"
    path.write_text(text, encoding="utf-8")
    await tab.open(path.as_uri())
    await tab.until("document.readyState === 'complete' && location.protocol === 'file:'")


async def shows(tab: Page, selector: str) -> str:
    return str(await tab.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))


@in_browser
async def test_one_scrubs_through_a_story(tmp_path: Path) -> None:
    async with opened(page(har_story()), tmp_path) as tab:
        await tab.sees("The customer waited 2 s for an agent.", "#sentences")
        await tab.sees("requesting", "#stage")
        await tab.key("End")
        await tab.sees("ended", "#stage")
        await tab.sees("lifecycle: ending on SessionEnded", "#step")
        await tab.sees("→ ended", "#step")
        assert "step 23 of 23" in await shows(tab, "#where")
        await tab.js("(() => { const s = document.getElementById('slider'); s.value = 14; s.oninput() })()")
        await tab.sees("agent_joined", "#stage")
        await tab.sees("Ada Larsen", "#step")
        assert await tab.js("document.querySelectorAll('.said.later').length") == 1
        await tab.click("#odd")
        await tab.sees("engine would not make", "#step .note")
        await tab.key("ArrowUp")
        assert re.search(r"\d\d:\d\d:\d\d\.\d{3}$", await shows(tab, ".row.now time"))
        await tab.click(".said")
        await tab.sees("Hello, this is Ada", "#step")


@pytest.mark.slow
@in_browser
async def test_ten_thousand_hostile_entries_are_only_text(tmp_path: Path) -> None:
    async with opened(page(story(replayed(hostile(10_000)), "</title><script>alert(1)</script>")), tmp_path) as tab:
        assert await tab.js("document.querySelectorAll('script, img, iframe, b').length") == 2 + await tab.js(
            "document.querySelectorAll('#step .machines b').length"
        )
        await tab.js("(() => { const s = document.getElementById('slider'); s.value = 9000; s.oninput() })()")
        await tab.sees("step 9001 of 10002", "#where")
        await tab.sees("<b>Ada</b>", "#step")
        assert await tab.js("document.querySelectorAll('*').length") < 3_000
        await tab.key("Home")
        await tab.sees("step 1 of", "#where")


DROP = """(() => { const data = new DataTransfer();
    for (const [name, text] of %s) data.items.add(new File([text], name));
    window.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true})) })()"""

EVERYTHING = """(() => {
    const seen = ['title', 'sentences', 'zone'].map((id) => document.getElementById(id).innerText);
    const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    for (press('Home'); ; press('ArrowDown')) {
        seen.push(...['where', 'step', 'stage'].map((id) => document.getElementById(id).innerText));
        seen.push(...['talk', 'picture'].map((id) => document.getElementById(id).innerHTML));
        seen.push(document.querySelector('.row.now').outerHTML);
        if (/step (\\d+) of \\1$/.test(document.getElementById('where').innerText)) return seen;
    }
})()"""
"""All that the page shows at all its steps."""


async def of_a_client(folder: Path) -> str:
    """A trace that `ChatClient` wrote."""
    async with (
        Emulator("silent") as emulator,
        ChatClient(emulator.url, tenant="t", app_id="a", trace=folder) as client,
    ):
        session = await client.session("visitor-1")
        await (await session.send("Where is my order 4711?")).sent()
        (chat_id,) = emulator.centre.chats
        await emulator.act(chat_id, actions.Connect(), actions.Say("On its way."), actions.Warn(), actions.EndChat())
        async for update in session.updates():
            if isinstance(update, Finished):
                break
    (path,) = await asyncio.to_thread(lambda: list(folder.iterdir()))
    return path.read_text()


@in_browser
@pytest.mark.parametrize("kind", ["demo", "demo, hidden", "client"])
async def test_a_dropped_trace_is_told_as_the_story_of_it_is(kind: str, trace: str, tmp_path: Path) -> None:
    text = trace if kind != "client" else await of_a_client(tmp_path / "traces")
    hidden = "hidden" in kind
    capture = read_capture([("chat.jsonl", text.encode())])
    told = page(story(play(redacted(capture) if hidden else capture), "chat.jsonl"))
    async with viewing(hidden=hidden) as url, opened(told, tmp_path) as tab:
        story_shows = await tab.js(EVERYTHING)
        assert len(story_shows) > 6 * 8
        await tab.open(url)
        await tab.until("document.getElementById('drop')?.hidden === false")
        assert await tab.js("document.getElementById('hidden').checked") is hidden
        await tab.js(DROP % json.dumps([("chat.jsonl", text)]))
        await tab.sees("The customer waited", "#sentences")
        assert await tab.js(EVERYTHING) == story_shows
        assert ("4711" in "".join(story_shows)) is (kind == "demo")


@in_browser
async def test_the_viewer_refuses_what_it_cannot_read_and_tells_one_file_after_the_other(
    trace: str, tmp_path: Path
) -> None:
    async with viewing() as url, chromium() as tab:
        await tab.open(url)
        await tab.until("document.getElementById('drop')?.hidden === false")
        await tab.js(DROP % json.dumps([("a.txt", "oh\nno")]))
        await tab.sees("a.txt: ", "#problem")
        await tab.js(DROP % json.dumps([("chat.jsonl", trace)]))
        await tab.sees("The customer waited", "#sentences")
        assert await shows(tab, "#problem") == ""
        await tab.js(DROP % json.dumps([("whole.har", whole().data().decode())]))
        await tab.sees("whole.har", "#title")
        await tab.sees("step 1 of 23", "#where")
        await tab.js(
            "URL.createObjectURL = (blob) => { globalThis.kept = blob.text(); return '#' }",
        )
        await tab.click("#save")
        await tab.until("globalThis.kept !== undefined")
        assert await tab.js("globalThis.kept") == page(har_story())
        # the browser notes the answer 400 that was asked for
        assert [one for one in tab.problems if "400" not in one] == []


async def test_the_viewer_is_for_this_machine_and_no_other_site() -> None:
    async with viewing() as url, aiohttp.ClientSession() as session:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            for method, path in (("GET", ""), ("POST", "story"), ("POST", "page")):
                if "Origin" in headers or method == "GET":
                    async with session.request(method, url + path, headers=headers) as reply:
                        assert reply.status == 403
        async with session.post(f"{url}story") as reply:
            assert (reply.status, "expected 1 to" in (await reply.json())["error"]) == (400, True)
        async with session.get(url) as reply:
            text = await reply.text()
    assert "connect-src 'self'" in text
    assert "unsafe" not in text
