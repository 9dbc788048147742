"""A web page of another origin chats with the emulator, as web chat does; control API and console stay closed to it."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from statemachine import console
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from tests.console.browser import CHROMIUM, chromium
from tests.serving import served

PAGE = """<!doctype html><meta charset="utf-8"><title>shop</title><pre id="log"></pre><script>
const log = (text) => { document.getElementById("log").textContent += text + "\\n"; };
async function call(method, path, body) {
  const answer = await fetch(`${centre}/clientweb/api/v2/${path}?tenantUrl=shop.example`, {
    method, credentials: "include", body: body && JSON.stringify(body), cache: "no-store",
    headers: {
      "Authorization": 'MOBILE-API-140-327-PLAIN appId="plain", clientId="WebChat"',
      "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache",
    },
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : {} };
}
async function chat(url) {
  window.centre = url;
  const { body } = await call("POST", "chats", {});
  const at = `chats/${body.chat_id}`;
  let said = false;
  for (;;) {
    const { status, body: batch } = await call("GET", `${at}/events`);
    if (status !== 200) break;
    for (const one of batch.events) {
      log(one.event);
      if (one.event === "chat_session_party_joined" && !said) {
        said = true;
        await call("POST", `${at}/events`, { events: [{ event: "chat_session_message", msg: "Hello", msg_id: "1" }] });
        await call("POST", `${at}/events`, { events: [{ event: "chat_session_end" }] });
      }
      if (one.event === "chat_session_ended") return log("over");
    }
  }
}
</script>"""


async def shop(_: web.Request) -> web.Response:
    """The only page of another origin."""
    return web.Response(text=PAGE, content_type="text/html")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
async def test_a_page_of_another_origin_carries_a_whole_chat() -> None:
    parts = {console.PREFIX: console.part}
    async with (
        Emulator("plain", Knobs(pace=0.01, hold_ms=500), parts=parts) as emulator,
        served(shop) as url,
        chromium() as page,
    ):
        await page.open(url)
        await page.until("typeof chat === 'function'")
        await page.js(f"chat({emulator.url!r}).catch((error) => log(error))")
        await page.sees("over", "#log")
        (chat,) = emulator.centre.chats.values()
        assert chat.texts_received == [("1", "Hello")]
        assert chat.key.client_id.startswith("WebChat:")
        assert emulator.centre.violations == []
        for path in ("/_control/chats", "/_console/"):
            code = f"fetch('{emulator.url}{path}').then((a) => log('read ' + a.status), () => log('closed {path}'))"
            await page.js(code)
            await page.sees(f"closed {path}", "#log")


@pytest.mark.parametrize("origin", ["https://shop.example", "http://localhost:3000", "null"])
async def test_preflights_allow_the_origin_and_what_it_asks_for(origin: str) -> None:
    async with Emulator("silent") as emulator, aiohttp.ClientSession() as client:
        path = f"{emulator.url}/clientweb/api/v1/chats/x/events?tenantUrl=a"
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        async with client.options(path, headers=asked) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert answer.headers["Access-Control-Allow-Methods"] == "POST"
            assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        async with client.get(path, headers={"Origin": origin}) as answer:  # an error is readable, too
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (403, origin)
        async with client.get(path) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with client.options(f"{emulator.url}/_control/chats", headers=asked) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
