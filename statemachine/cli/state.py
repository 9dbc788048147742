"""What the command line keeps between runs, in the user's state directory: who we are to each centre, where emulators
listen, and the chats of `statemachine chat`.

Everything in it belongs to this user alone. Where it cannot be written, nothing is kept, and the commands still work.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Final

import platformdirs

from statemachine.client import BadSetting, CentreError, ContactCentre, Options
from statemachine.files import private_folder, replace_private

FOLDER_VARIABLE: Final = "STATEMACHINE_STATE_DIR"
TENANT: Final = "example"
APP_ID: Final = "chat"
"""What to call an emulator with: it takes any, but for names of scenarios, which choose one."""

_QUICK: Final = Options(request_timeout=timedelta(seconds=2), connect_timeout=timedelta(seconds=2))


def folder(*parts: str) -> Path:
    """The folder, or one within it, made for this user alone. Raises OSError."""
    named = os.environ.get(FOLDER_VARIABLE)
    path = Path(named) if named else _users_folder()
    private_folder(path)  # so that it is no link itself
    path = path.joinpath(*parts)
    private_folder(path)
    return path


def _users_folder() -> Path:
    words = f"there is no home directory; set {FOLDER_VARIABLE}"
    try:
        path = platformdirs.user_state_path("chat-session-statemachine", appauthor=False)
    except RuntimeError:
        raise OSError(errno.ENOENT, words) from None
    if not path.is_absolute():  # older versions leave "~" as it is
        raise OSError(errno.ENOENT, words)
    return path


# --- who we are -------------------------------------------------------------------------------------------------------


def identity(url: str, tenant: str, app_id: str) -> str:
    """This user's client id at this contact centre: made at the first call, the same ever after. Raises OSError."""
    path = folder("clients") / settings_name(url, tenant, app_id)
    with suppress(FileNotFoundError):
        if kept := path.read_text(encoding="utf-8").strip():
            return kept
    made = f"cli-{secrets.token_hex(8)}"
    replace_private(path, made)
    return made


def settings_name(*parts: str) -> str:
    """A file name for these settings, which may hold anything."""
    return blake2b("\n".join(parts).encode(errors="surrogatepass"), digest_size=12).hexdigest()


# --- where emulators listen -------------------------------------------------------------------------------------------


@contextmanager
def announced(url: str) -> Generator[None]:
    """While this lasts, `running_emulators` names this URL. Best effort: an emulator runs without it."""
    path: Path | None = None
    with suppress(OSError):
        path = folder("emulators") / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        replace_private(path, json.dumps({"url": url}))
    try:
        yield
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink()


async def running_emulators() -> AsyncIterator[str]:
    """The URLs of the emulators that run now, the newest first. What a killed one left behind is cleared away.

    Each URL is asked: a process id proves nothing, it may belong to another program by now.
    """
    try:
        found = sorted(folder("emulators").glob("*.json"), key=_written, reverse=True)
    except OSError:
        return
    for path in found:
        url = _announcement(path)
        heard = await _heard(url)
        if heard:
            yield url
        elif heard is None:
            with suppress(OSError):
                path.unlink()


async def found_emulator(url: str | None = None) -> str | None:
    """The URL of the newest emulator that runs, where the user gave none."""
    return await anext(running_emulators(), None) if url is None else None


def _written(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0


def _announcement(path: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.read_text(encoding="utf-8"))["url"])
    return ""


async def _heard(url: str) -> bool | None:
    """Whether a contact centre answers at this URL; None: nothing listens there."""
    try:
        async with ContactCentre(url, tenant=TENANT, app_id=APP_ID, client_id="finder", options=_QUICK) as centre:
            await centre.version()
            return True
    except CentreError as error:
        return None if error.failure.kind == "unsent" else False
    except BadSetting:
        return None
