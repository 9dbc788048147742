"""The texts of fields that many records have: written once, and added to the docstring of each record that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

FIELD_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "after": "`carry_over(session)` of the session before, or None.",
        "at": "When it happened: milliseconds since the epoch, UTC.",
        "candidate": "The ICE candidate.",
        "case_id": 'The id of the case; "" for none.',
        "channel": "The channel that the message came by, as the server names it.",
        "chat_id": "The server's id of the chat.",
        "cobrowsing_id": "The provider's id of the co-browsing session.",
        "cobrowsing_url": "The address of the co-browsing session.",
        "detail": "Words for people, without ids, secrets and chat text.",
        "display_name": "The name to show.",
        "entries": "The entries, in the order in which they came.",
        "entry": "The entry, see `statemachine.wire`.",
        "extra": 'All other members of the entry, as JSON text; "" for none.',
        "file_id": "The server's id of the file.",
        "file_name": "The file's name.",
        "first_name": "The party's first name.",
        "form_name": "The form's name.",
        "form_request_id": "The id of this request for an answer.",
        "form_timeout": "How long the form is shown, in milliseconds; None: not known.",
        "from_": "The customer's name as shown to agents (`from` on the wire).",
        "id": "The command's id, which its answer names.",
        "item": "The message id of the item.",
        "key": "The application's own id of the item: an idempotency key, or None.",
        "last_name": "The party's last name.",
        "latitude": "Degrees north, as decimal text.",
        "longitude": "Degrees east, as decimal text.",
        "msg": "The text as the server sends it: an HTML fragment.",
        "msg_id": 'The message\'s id, given by its sender; "" where it has none.',
        "name": "The name.",
        "note": "Text that comes back in the delivery updates of this item; it is not sent.",
        "origin": "An opaque random text, new for each session: the prefix of every message id.",
        "outcome": "How the session ended.",
        "page": "The page's address.",
        "parameters": "The parameters for the contact centre's scenario, as JSON text.",
        "party_id": "The id of the party that sent it or that it is about.",
        "phase": "The public phase.",
        "phone_number": "The customer's phone number.",
        "provider_type": "The co-browsing provider.",
        "reason": "The reason that the server gives.",
        "ref_msg_id": "The sender's own id of the message.",
        "repaired": 'Why the answer had to be repaired, and what was left out; "" where it was read as it came.',
        "sdp": "The session description.",
        "sdp_m_line_index": "The index of the media line.",
        "sdp_mid": "The id of the media line.",
        "seq": "The number of the update in its session: it rises with each transcript update.",
        "service_name": "The name of the service.",
        "state": "The state.",
        "timeout": "How long to wait for the whole answer, in milliseconds.",
        "timestamp": "The sender's time: milliseconds since the epoch, UTC; None where it sent none.",
        "title": "The page's title.",
        "type": "The type.",
        "url": 'A link to it; "" for none.',
    }
)

_HEAD: Final = "\n\n    Fields:\n"


def with_field_texts(doc: str | None, names: Iterable[str]) -> str | None:
    """This docstring with the texts of those fields that it does not describe itself."""
    if doc is None:  # python -OO
        return None
    missing = [name for name in names if name in FIELD_TEXTS and f"`{name}`" not in doc]
    lines = "\n".join(f"        {name}: {FIELD_TEXTS[name]}" for name in missing)
    return f"{doc.rstrip()}{_HEAD}{lines}\n    " if missing else doc
