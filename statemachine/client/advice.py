"""The meaning of the contact centre's errors for its users: the setting to correct, or what to do.

The codes are those of protocol.md section 7. The server's own texts are not shown: they are written for its developers,
and any proxy may have changed them.
"""

from __future__ import annotations

import ssl
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from statemachine.adapters.http_errors import Cause

from ..core import Failure

Setting: TypeAlias = Literal[
    "url", "tenant", "app_id", "client_id", "api", "quoted", "headers", "proxy", "tls", "scenario", "server", ""
]
"""The setting to correct: an argument or option of the client, the contact centre's scenario or servers, or none."""


@frozen
class Advice:
    """`problem`: in words. `setting`: the one to correct. `remedy`: in the imperative."""

    problem: str
    setting: Setting
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


_AUTHORIZATION: Final = (
    "give app_id and client_id as plain text; a gateway before the server has to pass the Authorization header on"
)
_LATER: Final = "try again later; if it persists, tell the contact centre's administrator"
_A_BUG: Final = "report this error of the client, with a trace"
_SET_CASE: Final = "let the scenario's Set Case block run, with access for the chat API, before asking"

# A row is a line.
# fmt: off
ADVICE: Final[dict[int, Advice]] = {
    406: Advice("the session has no case", "scenario", _SET_CASE),
    1000: Advice("the server does not serve this tenant", "tenant", "give the contact centre's own domain, such as example.com, without https:// and without a path"),
    2000: Advice("no Authorization header reached the server", "headers", _AUTHORIZATION),
    2001: Advice("the server cannot read the Authorization header", "client_id", _AUTHORIZATION),
    2002: Advice("the server does not know the scheme of the Authorization header", "headers", _AUTHORIZATION),
    2003: Advice("the Authorization header has no app id", "app_id", "give the id of the messaging scenario entry"),
    2004: Advice("the Authorization header has no client id", "client_id", "give each customer an id of its own"),
    3000: Advice("the contact centre has no scenario entry with this app id", "app_id", "copy the unique id of the Messaging/Chat scenario entry from the contact centre's administrator pages"),
    5000: Advice("the chat server is too slow to answer", "server", _LATER),
    5001: Advice("no server can take a chat now", "server", _LATER),
    5003: Advice("the server could not read what was sent", "", _A_BUG),
    5004: Advice("the web server has lost its chat server", "server", _LATER),
    5005: Advice("the server does not know this chat; it is over, or the id is wrong", "", "request a new chat"),
    5006: Advice("the scenario entry of this app id is gone", "app_id", "create the scenario entry anew, or take the id of one that exists"),
    5500: Advice("the server has failed", "server", _LATER),
    5501: Advice("the file is larger than the server takes (25 MB)", "", "send a smaller file"),
    5502: Advice("the server no longer has this file", "", "ask for it again: it keeps the newest thousand only"),
    5509: Advice("another process polls this chat", "client_id", "let one process run one customer's chat, and give each customer a client id of its own"),
    5511: Advice("there are no new events", "", "nothing: this is not an error"),
    5558: Advice("the server could not read or write the file", "server", _LATER),
    5601: Advice("the session has no case", "scenario", _SET_CASE),
    5602: Advice("the CRM behind the contact centre refused", "server", "look into the CRM's own log, then try again"),
    5603: Advice("the push token does not fit the contact centre's settings", "scenario", "configure push for this app in the scenario entry, and give one token, of one kind"),
    5955: Advice("the server has failed with an unknown error", "server", _LATER),
}
"""Error code -> advice."""

_REFUSED: Final = Advice("the server, or a gateway before it, refuses these credentials", "app_id", "check app_id, and what the gateway asks for")
_PASSWORD: Final = 'give it in the address: "http://user:password@host:port"; only the method Basic is supported'
_STATUSES: Final[dict[int, Advice]] = {
    401: _REFUSED,
    403: _REFUSED,
    404: Advice("there is nothing at this address", "url", "check url and tenant; then api: v1, or v2 on newer servers"),
    407: Advice("the proxy asks for a password", "proxy", _PASSWORD),
    408: Advice("the server did not wait for the whole request", "server", _LATER),
    429: Advice("the server limits the request rate", "server", "wait as long as it says"),
}
_KINDS: Final[dict[str, Advice]] = {
    "unsent": Advice("the server cannot be reached", "url", "check url, network and proxy"),
    "no_payload": Advice("what is to be sent cannot be read", "", "send it again"),
    "timeout": Advice("no answer arrived in time", "server", _LATER),
    "cut": Advice("the connection broke off before the answer", "server", _LATER),
    "restart": Advice("this process was not running", "", "nothing: it continues by itself"),
    "unreadable": Advice("the answer is not from the chat API", "url", "check url: give the contact centre's host, not a page of it"),
}

CAUSES: Final[dict[Cause, Advice]] = {
    "certificate": Advice("the server's certificate is not trusted", "tls", "run `statemachine doctor`, which names the reason"),
    "connection": Advice("the server cannot be reached", "url", "check url (host and port), network and proxy"),
    "header_size": Advice("the server's headers are too large", "server", "tell the administrator of the server or of the proxy before it"),
    "headers": Advice("the option headers has failed", "headers", "correct the function or the values"),
    "host": Advice("no host has this name", "url", "check its spelling, and whether this machine has a network"),
    "no_http": Advice("no HTTP server answers there", "url", "check host and port; an https: address is needed where the port expects TLS"),
    "no_tls": Advice("no TLS is spoken there", "url", "check the port; an http: address is without TLS"),
    "payload": Advice("what is to be sent cannot be read", "", "send it again"),
    "proxy_blocks": Advice("the proxy forbids this host", "proxy", "ask its administrator to allow the contact centre's host"),
    "proxy_connection": Advice("the proxy cannot be reached", "proxy", "check its host and port"),
    "proxy_failed": Advice("the proxy does not reach the server", "proxy", "check the host in url; then ask the proxy's administrator"),
    "proxy_host": Advice("no host has the proxy's name", "proxy", "check its spelling"),
    "proxy_may_block": Advice("the proxy, or the server behind it, refuses this", "proxy", "ask the proxy's administrator to allow the contact centre's host; if it is allowed, check app_id"),
    "proxy_may_fail": Advice("the proxy, or the server behind it, has failed", "proxy", "check the host in url; ask the administrator of the proxy, then that of the contact centre"),
    "proxy_no_http": Advice("what answers is no HTTP proxy", "proxy", "check host and port of the proxy, then those in url"),
    "proxy_no_tls": Advice("no TLS comes through the proxy", "proxy", "check the port in url; then ask the proxy's administrator whether it passes TLS on"),
    "proxy_password": Advice("the proxy asks for a password", "proxy", _PASSWORD),
    "wrong_http": Advice("the answer breaks the rules of HTTP", "server", "tell the administrator of the server or of the proxy before it; nothing can be set here"),
}
"""By the cause of a call without a complete answer, or of an error that a proxy may have made."""
UNREACHABLE: Final[dict[type[OSError], tuple[str, Advice]]] = {
    ssl.SSLError: ("no TLS at {}", Advice("the program that listens there speaks no TLS", "url", "check the port; an http: address is without TLS")),
    TimeoutError: ("{} does not answer", Advice("no answer came, not even a refusal", "url", "check host and port; a firewall may be in between")),
    ConnectionRefusedError: ("{} refuses", Advice("no program listens there", "url", "check the port, and whether the server runs")),
    OSError: ("{} cannot be reached", Advice("this machine has no way to this host", "url", "check this machine's network; a proxy may be needed")),
}
"""By the error of a connection, the first that fits: what happened at this place, and the advice."""
CERTIFICATES: Final[dict[int, Advice]] = {
    9: Advice("it is not valid yet", "server", "check this machine's clock"),
    10: Advice("it has expired", "server", "check this machine's clock, then tell the contact centre's administrator"),
    62: Advice("it is another host's", "url", "use the name that the certificate is for"),
    64: Advice("it is another host's", "url", "use the name that the certificate is for, not an IP address"),
}
"""By OpenSSL's code of the reason why a certificate is refused (X509_V_ERR_…)."""
UNTRUSTED: Final = Advice("its issuer is not known here", "tls", "trust the issuer (a file with its certificate), or use the server's public name")
# fmt: on


def advise(failure: Failure, cause: Cause = "", url: str = "") -> Advice:
    """The advice for a failed call: by its cause, its code, its status, or the kind of failure.

    Args:
        failure: Of the call.
        cause: Where there is no complete answer, `CallFailed.cause`; else `HttpClient.cause_of`.
        url: The contact centre's, as configured: a path in it is the first suspect of a wrong address.
    """
    found = (CAUSES.get(cause) if failure.code is None else None) or _advise(failure)
    parts = urlsplit(url)
    if found.setting == "url" and parts.path not in ("", "/") and failure.kind in ("http", "unreadable"):
        host = f"{parts.scheme}://{parts.netloc}"
        return Advice(found.problem, "url", f"leave out the path {parts.path}: url is scheme and host only, {host}")
    return found


def remedy(failure: Failure, cause: Cause, url: str) -> str:
    """The remedy for a failed call, in words."""
    return advise(failure, cause, url).remedy


def _advise(failure: Failure) -> Advice:
    if failure.kind != "http":
        return _KINDS[failure.kind]
    status = failure.status or 0
    known = ADVICE.get(failure.code) if failure.code is not None else _STATUSES.get(status)
    if known is not None:
        return known
    if 300 <= status < 400:
        return Advice("this address redirects", "url", "set the address it redirects to; redirects are not followed")
    named = f"error {failure.code}" if failure.code is not None else f"HTTP status {status}"
    if status >= 500:
        return Advice(f"the server has failed ({named})", "server", _LATER)
    return Advice(f"the server refuses this ({named})", "", "ask the contact centre's administrator what it means")
