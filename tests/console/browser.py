"""Headless Chromium, driven over its DevTools protocol: nothing to install but the browser."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser, or None: then there is nothing to test with."""

PATIENCE_S = 60.0
"""For a machine that is busy with something else."""

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip

_KEYS = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("\t", 9)}
"""Name -> its text, and the code by which the browser itself knows it."""

_ALT, _SHIFT = 1, 8


class Page:
    """One tab. `problems`: what the browser complained about, which a good page gives it no reason for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._context = ""
        self._choosers: asyncio.Queue[int] = asyncio.Queue()
        self.problems: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for frame in self._socket:
            data = json.loads(frame.data)
            if "id" in data:
                self._waiting.pop(data["id"]).set_result(data)
            elif data["method"] == "Runtime.exceptionThrown":
                self.problems.append(str(data["params"]["exceptionDetails"]))
            elif data["method"] == "Page.fileChooserOpened":
                self._choosers.put_nowait(data["params"]["backendNodeId"])
            elif data["method"] == "Log.entryAdded":
                self.problems.append(str(data["params"]["entry"]))

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._waiting[self._number] = answer = asyncio.get_running_loop().create_future()
        session = {} if self._session is None else {"sessionId": self._session}
        await self._socket.send_json({"id": self._number, "method": method, "params": params, **session})
        async with asyncio.timeout(PATIENCE_S):
            data = await answer
        assert "error" not in data, data
        return dict(data["result"])

    async def begin(self) -> None:
        """Attach to a tab with a memory of its own, which is empty."""
        context = await self._call("Target.createBrowserContext")
        self._context = context["browserContextId"]
        target = await self._call("Target.createTarget", url="about:blank", browserContextId=self._context)
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self._call(f"{domain}.enable")

    async def look(self, width: int, height: int, scheme: str = "light") -> None:
        """A window of this size, with this colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        await self._call("Emulation.setEmulatedMedia", features=[scheme_feature])

    async def open(self, url: str) -> None:
        """Go there."""
        await self._call("Page.bringToFront")
        await self._call("Page.navigate", url=url)

    async def before_scripts(self, code: str) -> None:
        """Run this in each page that is opened from now on, before its own scripts."""
        await self._call("Page.addScriptToEvaluateOnNewDocument", source=code)

    async def js(self, code: str) -> Any:
        """The value of an expression."""
        found = await self._call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, condition: str) -> Any:
        """Wait until this expression is true, and give its value."""
        wait = f"""new Promise((resolve, reject) => {{
            const end = Date.now() + {PATIENCE_S * 500};
            const look = () => {{
                const value = {condition};
                if (value) resolve(value);
                else if (Date.now() > end) reject(new Error("not within " + {json.dumps(PATIENCE_S / 2)} + " s"));
                else setTimeout(look, 25);
            }};
            look();
        }})"""
        try:
            return await self.js(wait)
        except AssertionError as error:
            shown = await self.js("document.body ? document.body.innerText : ''")
            raise AssertionError(f"never true: {condition}\n{error}\nThe page says:\n{shown}") from None

    async def sees(self, text: str, where: str = "body") -> None:
        """Wait until this part of the page says so."""
        await self.until(f"document.querySelector({json.dumps(where)})?.innerText.includes({json.dumps(text)})")

    async def key(self, key: str) -> None:
        """Press a key."""
        text, code = _KEYS.get(key, (key if len(key) == 1 else "", 0))
        modifiers = _SHIFT if len(key) == 1 and key.isupper() else 0
        await self._press({"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}, text)

    async def shortcut(self, key: str, place: str = "") -> None:
        """Press Alt and a key; `place`: its name by its place, where Alt gives another character."""
        await self._press({"key": key, "code": place, "windowsVirtualKeyCode": 0, "modifiers": _ALT}, "")

    async def _press(self, press: dict[str, Any], text: str) -> None:
        await self._call("Input.dispatchKeyEvent", type="keyDown", **press, **({"text": text} if text else {}))
        await self._call("Input.dispatchKeyEvent", type="keyUp", **press)

    async def write(self, text: str) -> None:
        """Type a text into what has the focus."""
        await self._call("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click in the middle of it, as a mouse does."""
        async with self.pressing(selector):
            pass

    @asynccontextmanager
    async def pressing(self, selector: str) -> AsyncIterator[None]:
        """The button of the mouse is pressed in the middle of it for the time of the block."""
        where = await self.until(
            f"""(() => {{
                const box = document.querySelector({json.dumps(selector)})?.getBoundingClientRect();
                return box && box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
            }})()"""
        )
        at = {"x": where[0], "y": where[1], "button": "left", "clickCount": 1}
        await self._call("Input.dispatchMouseEvent", type="mousePressed", **at)
        yield
        await self._call("Input.dispatchMouseEvent", type="mouseReleased", **at)

    @asynccontextmanager
    async def choosing(self, file: Path) -> AsyncIterator[None]:
        """What happens in the block opens the dialog for a file; this one is chosen."""
        await self._call("Page.setInterceptFileChooserDialog", enabled=True)
        yield
        async with asyncio.timeout(PATIENCE_S):
            node = await self._choosers.get()
        await self._call("DOM.setFileInputFiles", files=[str(file)], backendNodeId=node)

    async def picture(self, path: Path) -> None:
        """What it looks like, as PNG."""
        found = await self._call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(found["data"]))

    async def close(self) -> None:
        """Close the tab, and forget all about it."""
        self._session = None
        await self._call("Target.disposeBrowserContext", browserContextId=self._context)
        await self._socket.close()
        await self._reader


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A tab with no memory."""
    address = await asyncio.to_thread(_browser)
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        page = Page(socket)
        await page.begin()
        yield page
        await page.close()


@cache
def _browser() -> str:
    """Where the one browser of this process listens: starting one takes longer than most of what is done with it."""
    assert CHROMIUM is not None
    folder = Path(tempfile.mkdtemp())
    command = (CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop() -> None:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, ValueError):
            port, path = (folder / "DevToolsActivePort").read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.02)
    raise AssertionError(f"{CHROMIUM} did not start")


PICTURES = os.environ.get("CONSOLE_PICTURES")
"""A folder for screenshots, where somebody wants to look."""
