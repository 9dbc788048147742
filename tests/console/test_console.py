"""The console as a person uses it, in a real browser, against the running emulator.

`CONSOLE_PICTURES=folder pytest tests/console/test_console.py` leaves pictures of what it looked like there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from statemachine import console
from statemachine.emulator import Knobs, actions
from statemachine.emulator.http import Emulator
from tests.console.browser import CHROMIUM, PICTURES, Page, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@asynccontextmanager
async def place(scenario: str = "silent", **knobs: Any) -> AsyncIterator[tuple[Emulator, Page]]:
    """The console in a browser. In the end the browser must have had nothing to complain about."""
    async with (
        Emulator(scenario, Knobs(**knobs), parts={console.PREFIX: console.part}) as emulator,
        chromium() as page,
    ):
        await page.look(1440, 900)
        await page.open(f"{emulator.url}/_console/")
        await page.until("document.querySelector('#picture svg')")
        yield emulator, page
        assert page.problems == []


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.picture(Path(PICTURES) / f"{name}.png")


async def come(page: Page, first: str = "Hello, my parcel is late.") -> None:
    """A customer comes, by keyboard."""
    await page.shortcut("c")
    await page.until("document.querySelector('dialog[open] #field-text')")
    await page.js(f"document.getElementById('field-text').value = {first!r}")
    await page.js("document.getElementById('field-text').focus()")
    await page.key("Enter")
    await page.sees("customer-1", "#talk .head")


async def fill(page: Page, **values: str) -> None:
    """Answer the dialog that opens."""
    await page.until("document.querySelector('dialog[open]')")
    for name, value in values.items():
        await page.until(f"document.getElementById('field-{name}')")
        await page.js(f"document.getElementById('field-{name}').value = {value!r}")
    await page.js("document.querySelector('dialog form').requestSubmit()")
    await page.until("!document.querySelector('dialog')")


LIT = "document.querySelector('#picture .lit')?.dataset.state"


async def lit(page: Page, phase: str) -> None:
    await page.until(f"{LIT} === {phase!r}")


async def test_a_person_plays_both_sides_by_keyboard() -> None:
    async with place() as (emulator, page):
        await page.sees("No chats yet.", "#chats")
        await picture(page, "empty")
        await come(page)
        await lit(page, "ivr")
        await page.shortcut("q")
        await lit(page, "queued")
        await page.shortcut("a")
        await lit(page, "agent_joined")
        await page.until("document.querySelector('#picture .client').dataset.state === 'agent_joined'")

        await page.write("Good day. Which one?")
        await page.sees("is typing", "#customer .log")
        await page.key("Enter")
        await page.sees("Good day. Which one?", "#customer .log")
        await page.until("document.querySelector('#talk .message.agent .receipt').dataset.state === 'read'")
        await page.key("Escape")

        await page.shortcut("z")
        await page.write("The blue one")
        await page.sees("customer-1 types: The blue one", "#talk .draft")
        await page.key("Enter")
        await page.sees("The blue one", "#talk .log")
        await page.sees("read", "#customer .message.agent:last-of-type .receipt")
        await page.key("Escape")

        await page.shortcut("f")
        await fill(page, name="survey_form")
        await page.until("document.querySelector('#customer .form input[name=service]')")
        await page.js("document.querySelector('#customer .form input[name=service]').value = 'excellent'")
        await picture(page, "form")
        await page.js("document.querySelector('#customer .form').requestSubmit()")
        await page.sees("service: excellent", "#talk .log")

        await page.shortcut("t")
        await fill(page, to="grace")
        await page.sees("Grace Moreau joined", "#talk .log")
        await page.sees("Ada Larsen left", "#talk .log")
        await page.shortcut("w")
        await lit(page, "warned")
        await page.sees("POST", "#wire")
        await picture(page, "talk")
        await page.shortcut("e")
        await fill(page)
        await lit(page, "ended")
        await page.sees("Ended", "#chats")
        assert emulator.centre.violations == []


async def test_every_ending_has_its_key() -> None:
    async with place() as (emulator, page):
        for number, (key, phase) in enumerate(
            [("i", "timed_out"), ("d", "ended"), ("x", "failed"), ("g", "gone"), ("e", "ended")], 1
        ):
            await page.shortcut("c")
            await fill(page, client_id=f"guest-{number}")
            await page.sees(f"guest-{number}", "#talk .head")
            await lit(page, "ivr")
            await page.shortcut(key)
            await fill(page)
            await lit(page, phase)
        assert len(emulator.centre.chats) == 5


async def press_each(page: Page, text: str) -> None:
    for character in text:
        await page.key(character)


# Every letter, small and large, and marks; no blank: it presses a focused button, as in every page.
TYPED = "Good.day,Please?Hold.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    "focus",
    ["", "#talk .log", "#customer .log", "#talk [data-action=end]", "#chats .chat", "#agents .agent", "#wire input"],
)
async def test_a_text_that_is_typed_outside_of_a_field_does_nothing(focus: str) -> None:
    async with place() as (emulator, page):
        await come(page)
        if focus:
            found = f"document.querySelector({focus!r})"
            await page.until(f"({found}.focus(), document.activeElement === {found})")
        (chat,) = emulator.centre.chats.values()
        await press_each(page, TYPED)
        assert await page.js("document.querySelector('dialog')") is None
        await emulator.act(chat.chat_id, actions.Say("Still there?"))  # what the keys had done would be there too
        await page.sees("Still there?", "#talk .log")
        assert chat.live
        assert [entry.event["event"] for entry in chat.log if entry.direction != "from_client"] == [
            "chat_session_message"
        ]
        assert len(emulator.centre.chats) == 1


async def test_a_text_that_is_typed_after_accepting_goes_to_the_customer() -> None:
    async with place() as (emulator, page):
        await come(page)
        await page.click("#talk [data-action=accept]")
        await press_each(page, "Good day, tell me.")
        await page.until("document.querySelector('#talk [data-action=accept].pale')")
        await page.click("#talk [data-action=queue]")  # a click leaves the focus in the field
        await press_each(page, " Please wait")
        await page.key("Enter")
        await page.sees("Good day, tell me. Please wait", "#customer .log")
        (chat,) = emulator.centre.chats.values()
        assert [entry.event.get("state") for entry in chat.log].count("queued") == 1
        assert chat.live


# Waits until the page knows that each chat has an agent, and has had two frames to draw it.
ALL_JOINED = """import("./store.js").then(async ({ store }) => {
  const frame = () => new Promise(requestAnimationFrame);
  while (![...store.chats.values()].every(({ chat }) => chat.parties.length)) await frame();
  for (let frames = 0; frames < 2; frames++) await frame();
})"""


@pytest.mark.parametrize(
    ("selector", "works"),
    [
        ("#talk [data-action=form]", "document.querySelector('dialog[open] #field-name')"),
        ("#chats li:last-child .chat", "document.querySelector('#talk .head').innerText.includes('first')"),
    ],
)
async def test_a_click_works_although_the_chat_changes_while_the_button_is_pressed(selector: str, works: str) -> None:
    async with place() as (emulator, page):
        for name in ("first", "second"):
            await page.shortcut("c")
            await fill(page, client_id=name)
            await page.sees(name, "#talk .head")
        async with page.pressing(selector):
            for chat in emulator.centre.chats.values():
                await emulator.act(chat.chat_id, actions.Connect("ada"), actions.Say("Good day"))
            await page.js(ALL_JOINED)
        await page.until(works)
        await page.sees("Good day", "#talk .log")


@pytest.mark.parametrize("key", ["i", "e", "d", "x", "g"])
async def test_a_final_act_asks_and_what_is_typed_on_does_not_confirm_it(key: str) -> None:
    async with place() as (emulator, page):
        await come(page)
        (chat,) = emulator.centre.chats.values()
        await page.shortcut(key)
        await page.until("document.querySelector('dialog[open]')")
        await press_each(page, "end")
        assert await page.js("document.querySelector('dialog[open]') !== null")
        await page.key("Enter")
        await page.until("!document.querySelector('dialog')")
        await emulator.act(chat.chat_id, actions.Say("Still there?"))
        await page.sees("Still there?", "#talk .log")
        assert chat.live


async def test_shortcuts_do_nothing_within_a_field_and_go_by_the_place_where_alt_changes_the_character() -> None:
    async with place() as (emulator, page):
        await come(page)
        (chat,) = emulator.centre.chats.values()
        await page.click("#talk textarea")
        await page.shortcut("q")
        await page.shortcut("w")
        await page.key("Escape")
        await page.shortcut("å", "KeyA")
        await lit(page, "agent_joined")
        assert "queued" not in [entry.event.get("state") for entry in chat.log]
        assert not chat.warned


async def test_the_whole_centre_is_at_hand() -> None:
    async with place(pace=0.01) as (emulator, page):
        await come(page)
        (chat_id,) = emulator.centre.chats
        await page.shortcut("n")
        await page.until("document.querySelector('dialog [aria-label=receipts]')")
        await page.js(
            """(() => {
                const select = document.querySelector('dialog [aria-label=receipts]');
                select.value = 'off';
                select.dispatchEvent(new Event('change'));
            })()"""
        )
        await page.sees("receipts = off", "#toasts")
        assert emulator.centre.knobs.receipts == "off"
        await page.key("Escape")
        await page.until("!document.querySelector('dialog')")

        await page.shortcut("s")
        await page.until("document.querySelector('#field-name option[value=survey]')")
        await fill(page, name="survey")
        await page.sees("Hello, this is Ada.", "#talk .log")
        await lit(page, "agent_joined")
        await page.shortcut("h")
        await page.until("document.querySelector('#field-source')?.value.includes('Hello, this is Ada.')")
        await fill(page, name="mine")
        await page.sees("Saved as mine.", "#toasts")
        assert "mine" in emulator.centre.selection.scenarios

        before = emulator.now()
        await page.shortcut(",")
        await fill(page, advance="30s")
        await page.sees("The clock was moved.", "#toasts")
        assert emulator.now() - before >= 30_000

        await page.shortcut(".")
        await page.until("document.querySelector('#field-json')")
        await fill(page, json='{"action": "send_info", "service_name": "Parcels"}')
        await page.sees("service: Parcels", "#talk .log")
        await page.shortcut(".")
        await page.until("document.querySelector('#field-json')")
        await page.js("document.getElementById('field-json').value = '{\"action\": \"sing\"}'")
        await page.js("document.querySelector('dialog form').requestSubmit()")
        await page.sees("there is no action 'sing'", "dialog .problem")
        await page.key("Escape")
        page.problems.clear()  # the browser notes the answer 400 that was asked for
        assert emulator.centre.chats[chat_id].live


async def write(page: Page, name: str, text: str) -> None:
    """Type into a field of the open dialog, in place of what stands there."""
    await page.until(f"document.getElementById('field-{name}')")
    await page.js(f"document.getElementById('field-{name}').select()")
    await page.write(text)


async def submit(page: Page) -> None:
    await page.js("document.querySelector('dialog form').requestSubmit()")


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_files_and_places_go_both_ways(side: str, tmp_path: Path) -> None:
    file = tmp_path / "receipt <1>.txt"
    file.write_bytes(b"two parcels")
    own, other = ("#talk", "#customer") if side == "agent" else ("#customer", "#talk")
    async with place() as (emulator, page):
        await come(page)
        await page.shortcut("a")
        await lit(page, "agent_joined")
        await page.key("Escape")
        async with page.choosing(file):
            if side == "agent":
                await page.shortcut("u")
            else:
                await page.click("#customer [data-command=file]")
        for pane in (own, other):
            await page.sees("receipt <1>.txt", f"{pane} .log")
        (stored,) = emulator.centre.files.values()
        assert (stored.name, stored.content) == (file.name, b"two parcels")

        if side == "agent":
            await page.shortcut("l")
        else:
            await page.click("#customer [data-command=location]")
        await write(page, "latitude", "north")
        await submit(page)
        await page.until("document.querySelector('dialog .problem').textContent")
        await picture(page, f"place-{side}")
        await write(page, "latitude", "48.8584")
        await write(page, "longitude", "2.2945")
        await submit(page)
        for pane in (own, other):
            await page.sees("48.8584, 2.2945", f"{pane} .log")
        assert emulator.centre.violations == []


async def test_a_secure_form_is_shown_answered_and_closed() -> None:
    async with place() as (emulator, page):
        await come(page)
        await page.shortcut("a")
        await lit(page, "agent_joined")
        await page.key("Escape")
        await page.shortcut("p")
        await page.until("document.querySelector('#field-form_id')")
        await picture(page, "secure")
        await fill(page, form_id="payment")
        await page.until("document.querySelector('#customer .form input')")
        await picture(page, "secure-form")
        await page.js(
            "for (const one of document.querySelectorAll('#customer .form input')) one.value = 'hunter2 1111'"
        )
        await page.js("document.querySelector('#customer .form').requestSubmit()")
        await page.sees("secure form", "#talk .log")
        await page.until("!document.querySelector('#customer .form')")
        (chat,) = emulator.centre.chats.values()
        assert [form.answers for form in chat.forms.values()] == [1]
        assert "hunter2" not in await page.js("document.body.innerText")

        await page.shortcut("p")
        await fill(page, form_id="payment")
        await page.until("document.querySelector('#customer .form')")
        await page.shortcut("p")
        await fill(page, what="cancel")
        await page.until("!document.querySelector('#customer .form')")
        assert emulator.centre.violations == []


MY_OWN = """
about = "says hello twice"
teaches = "A page begins what is written in it."

script = [
    { say = "Hello for the first time", party = "bot" },
    { say = "Hello for the second time", party = "bot" },
]
"""


async def test_a_scenario_that_is_typed_begins_and_a_mistake_loses_nothing() -> None:
    async with place(pace=0.01) as (emulator, page):
        await come(page)
        await page.shortcut("s")
        await page.until("document.querySelector('#field-name option[value=survey]')")
        await write(page, "source", MY_OWN.replace("{ say", "{ sing", 1))
        assert await page.js("document.getElementById('field-name').value") == "", "what is typed is one's own"
        await submit(page)
        await page.sees("line 6: ", "dialog .problem")
        await picture(page, "my-own")
        assert "sing" in await page.js("document.getElementById('field-source').value")
        await write(page, "source", MY_OWN)
        await submit(page)
        for text in ("first", "second"):
            await page.sees(f"Hello for the {text} time", "#talk .log")
            await page.sees(f"Hello for the {text} time", "#customer .log")
        page.problems.clear()  # the browser notes the answer 400 to "sing"
        assert emulator.centre.violations == []


SLOW_LIST = """
const real = fetch;
fetch = async (path, request) => {
  const reply = await real(path, request);
  if (path === "/_control/chats") await new Promise((done) => { globalThis.deliver = done; });
  return reply;
};
"""


async def test_a_chat_that_begins_while_the_page_loads_is_shown() -> None:
    """The list of chats was read before it began, and arrives after the feed has told of it."""
    async with place() as (emulator, page), aiohttp.ClientSession() as session:
        await page.before_scripts(SLOW_LIST)
        await page.open(f"{emulator.url}/_console/")
        await page.until("globalThis.deliver")
        headers = {"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="ann"'}
        async with session.post(
            f"{emulator.url}/clientweb/api/v2/chats?tenantUrl=x", headers=headers, json={}
        ) as reply:
            assert reply.status == 200
        await page.until("document.querySelectorAll('#chats [data-chat]').length === 1")
        await page.js("deliver(); new Promise((done) => setTimeout(done, 200))")
        assert await page.js("document.querySelectorAll('#chats [data-chat]').length") == 1


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\u202egnisrever \u2066 \u0000 \u0007",
    "W" * 3_000,
    "line\n" * 200,
    "<svg onload=document.title='owned'>{{7*7}}${7*7}",
]


async def test_hostile_text_is_shown_as_text_and_breaks_nothing() -> None:
    async with place() as (emulator, page), aiohttp.ClientSession() as session:
        headers = {
            "Authorization": f'MOBILE-API-140-327-PLAIN appId="<b>", clientId="{HOSTILE[0].replace(chr(34), "")}"'
        }
        api = f"{emulator.url}/clientweb/api/v2"

        async def post(path: str, body: Any) -> Any:
            async with session.post(f"{api}/{path}?tenantUrl=x", headers=headers, json=body) as reply:
                return await reply.json(content_type=None) if reply.status == 200 and path == "chats" else reply.status

        wish = {"parameters": {"first_name": HOSTILE[1], "deep": {"a": [HOSTILE[0]]}}}
        chat_id = (await post("chats", wish))["chat_id"]
        events: list[dict[str, object]] = [
            {"event": "chat_session_message", "msg": text, "msg_id": f"{number}{text[:50]}"}
            for number, text in enumerate(HOSTILE)
        ]
        events.append(
            {"event": "chat_session_location", "latitude": HOSTILE[0], "longitude": "1", "url": "javascript:alert(1)"}
        )
        events.append(
            {
                "event": "chat_session_form_data",
                "form_request_id": HOSTILE[0],
                "form_name": "x",
                "data": {HOSTILE[0]: HOSTILE[1]},
            }
        )
        events.append({"event": "chat_session_navigation", "page": "javascript:alert(1)", "title": HOSTILE[1]})
        events.append({"event": "chat_session_typing", "msg": HOSTILE[0]})
        for event in events:
            assert await post(f"chats/{chat_id}/events", {"events": [event]}) == 200
        raw: dict[str, object] = {"event": HOSTILE[0], "msg": {"a": 1}, "party_id": 5, "timestamp": "x"}
        await emulator.act(
            chat_id, actions.Raw(raw), actions.Raw({"event": 7}), actions.Raw({"event": "constructor"}), actions.Raw({})
        )
        await emulator.act(
            chat_id,
            actions.Say(HOSTILE[1], markup=HOSTILE[0]),
            actions.ShareFile(HOSTILE[0], b"GIF", file_type="attachment"),
        )

        await page.until("document.querySelectorAll('#talk .message').length >= 9")
        await page.until("document.querySelectorAll('#faults .fault').length >= 1")  # the form nobody showed
        await page.until("document.querySelectorAll('#wire summary .took').length === 11")
        await page.until("![...document.querySelectorAll('#wire .status')].some((one) => one.innerText === '…')")
        for number in range(8):
            await page.js(f"document.querySelectorAll('#wire summary')[{number}].click()")
        await page.until("document.querySelectorAll('#wire pre').length > 5")
        await picture(page, "hostile")
        assert await page.js("document.title") == "Contact centre"
        assert (
            await page.js("document.querySelectorAll('#talk script, #talk svg, #wire img, #wire script').length") == 0
        )
        assert await page.js("document.querySelector('#talk a[href^=\"javascript\"]')") is None
        assert await page.js("document.documentElement.scrollWidth <= innerWidth")
        shown = await page.js("document.querySelector('#talk .log').innerText")
        for text in (HOSTILE[0], HOSTILE[1], HOSTILE[3]):
            assert text in shown


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_at_every_size_everything_is_within_reach(scheme: str) -> None:
    async with place() as (_, page):
        await come(page)
        await page.shortcut("a")
        await lit(page, "agent_joined")
        for width, height in ((1920, 1080), (1440, 900), (1280, 720), (1024, 768), (768, 1024), (390, 844)):
            await page.look(width, height, scheme)
            for view in ("chats", "talk", "inside", "customer") if width <= 900 else ("",):
                if view:
                    await page.click(f"#views [data-to={view}]")
                    await page.until(f"document.getElementById({view!r}).getBoundingClientRect().width > 0")
                assert await page.js("document.documentElement.scrollWidth <= innerWidth"), (width, view)
                assert await page.js("document.documentElement.scrollHeight <= innerHeight"), (width, view)
                outside = await page.js(
                    """[...document.querySelectorAll('main > section')].filter((one) => one.offsetWidth)
                        .flatMap((one) => [...one.querySelectorAll('button, textarea, select')]
                            .filter((inner) => inner.offsetWidth && !inner.closest('.log, .lines, .tabs'))
                            .filter((inner) => inner.getBoundingClientRect().bottom > innerHeight + 1 ||
                                inner.getBoundingClientRect().right > one.getBoundingClientRect().right + 1)
                            .map((inner) => inner.outerHTML))"""
                )
                assert outside == [], (width, view)
                assert await page.js(CONTRAST) == [], (width, view)
                await picture(page, f"{scheme}-{width}{view and '-'}{view}")


CONTRAST = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const parts = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => parts(colour).slice(0, 3)
    .map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] === 255) return colour;
    }
    return "white";
  };
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.offsetWidth && !one.closest(".pale, svg, option"))
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => {
      const [a, b] = [light(getComputedStyle(one).color), light(ground(one))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), one.className, one.textContent.slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
})()
"""
"""What is written in too little contrast to be read (less than 4.5 to 1)."""


async def test_faults_show_in_red_and_the_page_finds_its_way_back() -> None:
    async with place() as (emulator, page):
        await come(page)
        chat_id = next(iter(emulator.centre.chats))
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="thief"'}
            url = f"{emulator.url}/clientweb/api/v2/chats/{chat_id}/events?tenantUrl=x"
            async with session.get(url, headers=headers) as reply:
                assert reply.status == 404
        await page.sees("F35", "#faults")
        await page.sees("1 ✗", "#chats")
        await page.click("#faults .fault")
        await page.sees("curl", "dialog pre")
        await picture(page, "verdict")
        await page.key("Escape")
        await page.open(f"{emulator.url}/_console/")  # a reload: everything is found again
        await page.sees("customer-1", "#talk .head")
        await page.sees("Hello, my parcel is late.", "#talk .log")
        await page.sees("F35", "#faults")
        await page.sees("Hello, my parcel is late.", "#customer .log")


async def test_beyond_loopback_the_page_works_with_its_token() -> None:
    parts = {console.PREFIX: console.part}
    async with Emulator("silent", host="0.0.0.0", parts=parts) as emulator, chromium() as page:
        await page.look(1440, 900)
        await page.open(f"{emulator.url}/_console/?token={emulator.token}")
        await page.until("document.querySelector('#picture svg')")
        await come(page)
        await page.shortcut("a")
        await lit(page, "agent_joined")
        assert "token" not in await page.js("location.href")
        assert page.problems == []


@pytest.mark.slow
async def test_many_chats_do_not_stall_the_page() -> None:
    async with place() as (emulator, page):
        await come(page)
        centre = emulator.centre
        async with aiohttp.ClientSession() as session:
            for number in range(300):
                headers = {"Authorization": f'MOBILE-API-140-327-PLAIN appId="a", clientId="c{number}"'}
                url = f"{emulator.url}/clientweb/api/v2/chats?tenantUrl=x"
                async with session.post(url, headers=headers, json={}) as reply:
                    assert reply.status == 200
        await page.until("document.querySelectorAll('#chats .chat').length >= 200")
        await page.shortcut("j")
        await page.until("document.querySelector('#talk .head').innerText.includes('c0')")
        assert len(centre.chats) == 301
