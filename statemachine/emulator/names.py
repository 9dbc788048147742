"""Wire names of the events (protocol.md section 3), and which of them a client may send."""

from __future__ import annotations

from typing import Final

from statemachine.core.wire import WIRE_NAMES, Direction

STATUS: Final = "chat_session_status"
INFO: Final = "chat_session_info"
PARTY_JOINED: Final = "chat_session_party_joined"
PARTY_LEFT: Final = "chat_session_party_left"
MESSAGE: Final = "chat_session_message"
DELIVERED: Final = "chat_session_message_delivered"
READ: Final = "chat_session_message_read"
TYPING: Final = "chat_session_typing"
NOT_TYPING: Final = "chat_session_not_typing"
LOCATION: Final = "chat_session_location"
FILE: Final = "chat_session_file"
WARNING: Final = "chat_session_timeout_warning"
TIMEOUT: Final = "chat_session_inactivity_timeout"
TIMEOUT_MISSPELT: Final = "chat_session_inactvity_timeout"
ENDED: Final = "chat_session_ended"
CASE_SET: Final = "chat_session_case_set"
DISCONNECT: Final = "chat_session_disconnect"
END: Final = "chat_session_end"
NAVIGATION: Final = "chat_session_navigation"
FORM_SHOW: Final = "chat_session_form_show"
FORM_DATA: Final = "chat_session_form_data"
FORM_CANCEL: Final = "chat_form_data_cancel"
SECURE_FORM_SHOW: Final = "chat_session_secure_form_show"
SECURE_FORM_DATA: Final = "chat_session_secure_form_data"
SECURE_FORM_CANCEL: Final = "chat_session_secure_form_cancel"
SIGNALING: Final = "chat_session_signaling"
COBROWSING_REQUESTED: Final = "chat_session_cobrowsing_requested"
COBROWSING_REJECTED: Final = "chat_session_cobrowsing_rejected"
COBROWSING_STARTED: Final = "chat_session_cobrowsing_started"
COBROWSING_ENDED: Final = "chat_session_cobrowsing_ended"

RECEIPTS: Final = frozenset({DELIVERED, READ})
FORM_ANSWERS: Final = frozenset({FORM_DATA, FORM_CANCEL, SECURE_FORM_DATA, SECURE_FORM_CANCEL})

FROM_CLIENT: Final = frozenset(
    [name for name, cls in WIRE_NAMES.items() if cls.wire.direction in (Direction.TO_SERVER, Direction.BOTH)]
)
"""Every name with direction C->S or both in protocol.md section 3; any other name is a bad event (400)."""

WITHOUT_TIMESTAMP: Final = frozenset({STATUS, ENDED, INFO, COBROWSING_REQUESTED})
"""Server events observed or documented without a timestamp (protocol.md 3.0, 3.1)."""
