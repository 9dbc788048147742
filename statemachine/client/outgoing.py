"""The items that one session sends: a handle for each, and the payloads kept until it has arrived or failed."""

# pyright: reportPrivateUsage=false
# A `Sending` has methods for this module alone; users do not see them.

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal
from weakref import WeakValueDictionary

from attrs import evolve

from statemachine.adapters.payload import UploadProgress
from statemachine.adapters.protocols import SavedStep

from ..core import AnswerForm, AnswerSecureForm, DeliveryUpdate, Intent, SendFile, Session
from ..core.session import Item
from ..core.wire import Location, SecureFormData
from .arguments import degrees, made, path, text
from .errors import BadSetting, ChatError, NotSaved, WrongType
from .local_payloads import LocalPayloads
from .sending import Sending, SendingState

FileSource = bytes | str | os.PathLike[str]


class Outgoing:
    """Handles belong to the application: the updates carry the same information without them."""

    def __init__(self) -> None:
        self.payloads: Final = LocalPayloads()
        self._handles: WeakValueDictionary[str, Sending] = WeakValueDictionary()

    # --- intents with payloads ----------------------------------------------------------------------------------------

    def file(
        self,
        now: int,
        source: bytes | str,
        name: str | None,
        image: bool | None,
        uploaded: UploadProgress | None,
        key: str | None,
        note: str,
    ) -> SendFile:
        """The intent that sends this file; keeps its bytes."""
        if name is None:
            name = "" if isinstance(source, bytes) else Path(source).name
        name = text("send_file: name", name)
        if not isinstance(image, bool | None):  # pyright: ignore[reportUnnecessaryIsInstance] callers without types
            raise WrongType(f"send_file: image must be a bool or None, not {type(image).__name__}")
        if not (uploaded is None or callable(uploaded)):
            raise WrongType(f"send_file: uploaded must be a function, not {type(uploaded).__name__}")
        if image is None:
            known, _ = mimetypes.guess_type(f"file{Path(name).suffix}")  # from Python 3.13 on, it reads a name as a URL
            image = (known or "").startswith("image/")
        kind: Literal["image", "attachment"] = "image" if image else "attachment"
        intent = made("send_file", SendFile, now, "", name, kind, key, note)
        return evolve(intent, ref=self.payloads.keep_file(source, uploaded))

    def answer(
        self, session: Session, now: int, form: str, data: Mapping[str, object], key: str | None, note: str
    ) -> AnswerForm | AnswerSecureForm:
        """The intent that answers this form. The values of a secure form stay here, outside the session."""
        answer = made("answer_form", AnswerForm, now, form, data, key, note)
        if any(one.id == form and one.secure for one in session.participants.forms):
            return AnswerSecureForm(now, form, self.payloads.keep_values(json.loads(answer.data)), key, note)
        return answer

    @contextmanager
    def kept_for(self, intent: Intent) -> Generator[None]:
        """Drop the payload of this intent if it is refused."""
        try:
            yield
        except NotSaved:  # it may still be saved
            raise
        except Exception:
            if isinstance(intent, SendFile | AnswerSecureForm):
                self.payloads.forget(intent.ref)
            raise

    # --- handles ------------------------------------------------------------------------------------------------------

    def handle(self, before: Session, after: Session, key: str | None) -> Sending:
        """The handle of the item that was queued, or of the earlier item with the same key."""
        item = _item_of(before, after, key)
        if item is None:
            return Sending("", key, "sent", receipts=False)
        known = self._handles.get(item.id)
        if known is None:
            self._handles[item.id] = known = Sending(item.id, key, _state_of(item), receipts=_has_receipts(after))
        return known

    def saved(self, step: SavedStep, session: Session) -> None:
        """Pass on the delivery updates of a saved step. `session`: as it is now, which may be later."""
        updates = [one for one in step.transcript if isinstance(one, DeliveryUpdate)]
        for update in updates:
            if handle := self._handles.get(update.item):
                handle._apply(update)
        if updates:
            self.payloads.retain(_refs(session))
        if step.session.outcome is not None:
            for handle in list(self._handles.values()):
                handle._over()

    def close(self, error: ChatError) -> None:
        """No more updates follow, because of this error."""
        for handle in list(self._handles.values()):
            handle._close(error)


async def readable(source: FileSource) -> bytes | str:
    """The bytes, or the path as text. Asks in another thread whether this process may read the file.

    Raises WrongType; BadSetting where the file does not exist, or cannot be read.
    """
    if isinstance(source, bytes):
        return source
    name = path("send_file: source", source, "a path (str or PathLike) or bytes")
    try:
        found = await asyncio.to_thread(os.access, name, os.R_OK)
    except ValueError as error:
        raise BadSetting(f"send_file: the system cannot have such a path: {error}") from None
    if not found:
        raise BadSetting(f"send_file: {name!r} cannot be read: check the path and its permissions")
    return name


def place(latitude: str | float | Decimal, longitude: str | float | Decimal, url: str) -> Location:
    """A location, in degrees. Raises BadSetting."""
    return Location(
        degrees("send_location: latitude", latitude, 90),
        degrees("send_location: longitude", longitude, 180),
        text("send_location: url", url),
    )


_STATES: Final[dict[str, SendingState]] = {"sent": "sent", "delivered": "delivered", "read": "read"}


def _state_of(item: Item) -> SendingState:
    return _STATES.get(item.state.name, "pending")


def _has_receipts(session: Session) -> bool:
    """Whether receipts can arrive for this session."""
    return session.config.api == "v2" and session.outcome is None


def _item_of(before: Session, after: Session, key: str | None) -> Item | None:
    known = {item.id for item in before.items}
    for item in after.items:
        if item.id not in known or (key is not None and item.key == key):
            return item
    return None


def _refs(session: Session) -> set[str]:
    """The references that the session may still need."""
    entries = [item.entry for item in session.items]
    return {item.ref for item in session.items} | {e.ref for e in entries if isinstance(e, SecureFormData)}
