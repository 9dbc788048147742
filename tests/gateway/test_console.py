"""The console of a gateway, in a real browser: it shows chats, phases, traffic and parked chats, and only reads."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from statemachine.gateway import WebhookSetting
from statemachine.testing import EmulatedCentre
from tests.console.browser import CHROMIUM, PICTURES, chromium
from tests.gateway.harness import SECRET, gateway, is_state, updates_until

HOSTILE = "<img src=x onerror=document.title='hunter2'>"


def test_the_page_only_reads() -> None:
    script = (files("statemachine.gateway") / "static" / "console.js").read_text("utf-8")
    assert script.count("fetch(") == 1
    assert "method" not in script
    assert "innerHTML" not in script


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
async def test_a_person_sees_the_chats(tmp_path: Path, centre: EmulatedCentre) -> None:
    (tmp_path / "crm").write_text("hunter2-secret-of-the-crm")
    hook = WebhookSetting(name="crm", url="http://127.0.0.1:9/", secret_file=tmp_path / "crm")
    async with gateway(tmp_path, centre, webhooks=(hook,)) as api, chromium() as page:
        await page.look(1200, 900)
        await page.open(f"{api.url}/console")
        await page.sees("401", "#state")
        await page.js(f"document.getElementById('token').value = {SECRET!r}")
        await page.click("#use")
        await page.sees("No chat is active", "#chats")
        await api("POST", "/chats/ann/texts", {"text": HOSTILE}, **api.key("k1"))
        agent = centre.agent("Ada Larsen")
        await agent.accept("ann")
        await agent.say(HOSTILE)
        await updates_until(api, is_state("sent", "k1"))
        await page.sees("agent_joined", "#chats")
        await page.click("#chats .chat")
        await page.until("document.querySelector('.state.lit')?.dataset.state === 'agent_joined'")
        await page.sees(HOSTILE, "#traffic")
        await page.sees("crm: 1 waiting, 0 parked", "#parked")
        assert await page.js("document.title") == "Chat gateway"
        if PICTURES:
            await page.picture(Path(PICTURES) / "gateway.png")
        assert [one for one in page.problems if "401" not in one] == []
