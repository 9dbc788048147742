"""The page's files, and what the browser is told about them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import aiohttp
import pytest

from statemachine import console, pages
from statemachine.console.page import POLICY
from statemachine.emulator.http import Emulator
from statemachine.records import PHASES

OWN = (files("statemachine.console") / "static").iterdir()
TEXTS = {one.name: one.read_text("utf-8") for one in (*OWN, pages.STYLE, pages.SCRIPT)}


def centre(**more: Any) -> Emulator:
    return Emulator("silent", parts={console.PREFIX: console.part}, **more)


async def get(url: str, **more: Any) -> tuple[int, aiohttp.typedefs.LooseHeaders, str]:
    async with aiohttp.ClientSession() as session, session.get(url, **more) as reply:
        return reply.status, dict(reply.headers), await reply.text()


async def test_every_file_is_served_with_its_type_and_the_policy() -> None:
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    async with centre() as emulator:
        for name, text in TEXTS.items():
            status, headers, body = await get(f"{emulator.url}/_console/{name}")
            assert (status, body) == (200, text)
            assert dict(headers)["Content-Type"] == f"{kinds[name.rpartition('.')[2]]}; charset=utf-8"
            assert dict(headers)["Content-Security-Policy"] == POLICY.format(here=f"{emulator.url}/_console/")
            assert dict(headers)["X-Content-Type-Options"] == "nosniff"
        assert (await get(f"{emulator.url}/_console"))[2] == TEXTS["index.html"]


async def test_who_comes_to_the_front_is_shown_the_way_in() -> None:
    async with centre() as emulator:
        status, headers, text = await get(emulator.url)
        assert (status, "<a href='/_console/'>" in text) == (404, True)
        assert dict(headers)["X-Content-Type-Options"] == "nosniff"
    async with Emulator("silent") as emulator:
        assert "_console" not in (await get(emulator.url))[2]


@pytest.mark.parametrize(
    "path", ["nothing.js", "../__init__.py", "%2e%2e%2f__init__.py", "..%5cpage.py", "static/main.js"]
)
async def test_nothing_else_is(path: str) -> None:
    async with centre() as emulator:
        assert (await get(f"{emulator.url}/_console/{path}"))[0] == 404


async def test_the_policy_is_no_place_for_a_header_that_is_not_a_name() -> None:
    async with centre() as emulator:
        for host in ("[::1]:80", "localhost:80;script-src *"):
            status, headers, _ = await get(f"{emulator.url}/_console/", headers={"Host": host})
            assert status == 200
            assert dict(headers)["Content-Security-Policy"] == POLICY.format(here="'self'")


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "require-trusted-types-for 'script'" in POLICY


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_file_asks_for_another_place_or_makes_markup_of_text(name: str) -> None:
    text = TEXTS[name].replace("http://www.w3.org/", "")
    assert not re.search(r"https?://", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert not re.search(r"<script(?! (?:type=\"module\" )?src=)| style=|<style| on\w+=\"", text)


def test_every_module_is_asked_for() -> None:
    asked = {name for text in TEXTS.values() for name in re.findall(r'(?:from "\./|src="|href=")([\w.]+)"', text)}
    assert set(TEXTS) - {"index.html"} == asked


async def test_the_picture_has_every_phase_of_the_table() -> None:
    async with centre() as emulator:
        outline = json.loads((await get(f"{emulator.url}/_console/lifecycle.json"))[2])
    states = [name for box in outline["boxes"] for name in box["states"]]
    assert sorted(states) == sorted(PHASES)
    kinds = {box["kind"] for box in outline["boxes"]}
    assert {end for arc in outline["between"] for end in (arc["from"], arc["to"])} == kinds
    assert all(arc["on"] for arc in outline["between"])


async def test_beyond_loopback_the_page_needs_the_token() -> None:
    async with centre(host="0.0.0.0", token="s3cret") as emulator:
        for path in ("/", "/main.js", "/customers", "/customers/feed"):
            assert (await get(f"{emulator.url}/_console{path}"))[0] == 401
        assert (await get(f"{emulator.url}/_console/", headers={"Authorization": "Bearer s3cret"}))[0] == 200


async def test_what_strangers_upload_is_inert_in_a_browser() -> None:
    async with centre() as emulator:
        form = aiohttp.FormData()
        form.add_field(
            "file", b"<script>fetch('/_control/chats')</script>", filename="a.html", content_type="text/html"
        )
        headers = {"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="eve"'}
        api = f"{emulator.url}/clientweb/api/v2"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{api}/files", params={"tenantUrl": "x"}, data=form) as reply,
        ):
            file_id = (await reply.json())["file_id"]
        _, found, _ = await get(f"{emulator.url}/clientweb/file/{file_id}")
        assert dict(found)["Content-Security-Policy"].startswith("sandbox;")
        assert dict(found)["X-Content-Type-Options"] == "nosniff"
