"""`ContactCentre`: the calls outside a conversation, with asyncio."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from inspect import signature
from typing import Any, Final, ParamSpec, Self, TypeVar

from statemachine.adapters.http import LONG_BODY
from statemachine.adapters.http_client import HttpClient
from statemachine.adapters.http_errors import CallFailed, Cause
from statemachine.codec import side_calls
from statemachine.codec.body import MAX_BODY
from statemachine.codec.http import Endpoint, HttpRequest
from statemachine.codec.side_calls import ApnsToken, FirebaseToken, SideCall
from statemachine.codec.widget import WidgetConfiguration

from ..core import ChatOpened, Entry, Failure
from .advice import Advice, advise
from .arguments import duration, made, of_type, text, whole_number
from .chat_parameters import ChatParameters
from .errors import ChatError
from .home_loop import check_loop
from .options import Options

A = TypeVar("A")
P = ParamSpec("P")

DOWNLOAD_LIMIT: Final = MAX_BODY
"""In bytes: twice the limit of the vendor's servers. A longer download is cancelled."""
DOWNLOAD_WITHIN: Final = timedelta(hours=1)
"""For a whole file, however steadily it arrives."""


class CentreError(ChatError):
    """A call has failed. The text says what to correct; `advice` has its parts, `failure` the server's answer.

    `uncertain`: the request may have taken effect.
    """

    def __init__(self, call: str, failure: Failure, *, cause: Cause = "", url: str = "") -> None:
        self.call: Final = call
        self.failure: Final = failure
        self.advice: Final[Advice] = advise(failure, cause, url)
        self.uncertain: Final = failure.kind in ("timeout", "cut", "unreadable")
        known = f"error {failure.code}" if failure.code is not None else failure.detail
        super().__init__(f"{call}: {self.advice.problem}{f' ({known})' if known else ''}: {self.advice.remedy}")


class SmsRefused(ChatError):
    """The centre did not send the text message. `code`: see the vendor's reference of this call."""

    def __init__(self, code: int) -> None:
        advice = "check the phone number and its settings"
        super().__init__(f"requestsms: the contact centre refused, code {code}: {advice}")
        self.code: Final = code


class TooLarge(ChatError):
    """A file is longer than `limit` bytes; the download was cancelled."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"file: it is larger than {limit} bytes; the download was cancelled: set a higher limit")
        self.limit: Final = limit


class ContactCentre:
    """The calls outside a conversation. Open it with `async with`, unless it gets an `http` client.

    A `chat_id` is the server's id, `session.session.chat.chat_id`. Each method is one request (case history and close
    case: two, where the first path does not exist), answered within `Options.request_timeout`, and never repeated.
    Each raises CentreError, and BadSetting for an invalid id. Cancelling it cancels the request.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        app_id: str,
        client_id: str,
        options: Options | None = None,
        http: HttpClient | None = None,
    ) -> None:
        """Check the settings.

        Args:
            url: As for `ChatClient`.
            tenant: As for `ChatClient`.
            app_id: As for `ChatClient`.
            client_id: The customer's id.
            options: As for `ChatClient`.
            http: The client of a chat, with its cookies; None: a new one.

        Raises:
            BadSetting: A value cannot be sent.
        """
        self._options: Final = Options() if options is None else of_type("options", options, "Options", Options)
        self.endpoint: Final = self._options.endpoint(url, tenant, app_id, client_id)
        self._shared = http if http is None else of_type("http", http, "HttpClient", HttpClient)
        self._http: HttpClient | None = http
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"<ContactCentre {self.endpoint.url!r}>"

    async def __aenter__(self) -> Self:
        if self._shared is None:
            pool = await self._stack.enter_async_context(self._options.pool())
            self._http = HttpClient(pool)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http = self._shared
        await self._stack.aclose()

    # --- before a chat ------------------------------------------------------------------------------------------------

    async def version(self) -> str:
        """The server's version, such as "5.5.6.12345 (Stable)". Servers with v1 alone have none: HTTP status 404."""
        return await self.ask(side_calls.version())

    async def availability(self) -> side_calls.Availability:
        """Whether the centre accepts chats now, and the estimated wait."""
        return await self.ask(side_calls.availability())

    async def expected_parameters(self) -> tuple[side_calls.Parameter, ...]:
        """The parameters that the scenario expects when a chat is requested."""
        return await self.ask(side_calls.expected_parameters())

    async def active_chat(self) -> ChatOpened | None:
        """This customer's active chat, or None."""
        try:
            return await self.ask(side_calls.active_chat())
        except CentreError as error:
            if side_calls.says_no_chat(error.failure):
                return None
            raise

    async def request_sms(
        self, phone_number: str, *, from_: str | None = None, parameters: Mapping[str, object] | None = None
    ) -> None:
        """Let the centre begin a chat by SMS. v1 only.

        Args:
            phone_number: The customer's phone number.
            from_: As for `ChatSession.start`.
            parameters: As for `ChatSession.start`.

        Raises:
            SmsRefused: The centre refused it; beside the errors of the class.
        """
        text("request_sms: phone_number", phone_number)
        about = ChatParameters.checked("request_sms", parameters, phone_number, from_)
        call = side_calls.request_sms(phone_number, from_=about.from_, parameters=json.loads(about.parameters))
        done = await self.ask(call)
        if done.code:
            raise SmsRefused(done.code)

    async def ice_servers(self) -> tuple[side_calls.IceServer, ...]:
        """The ICE servers (STUN, TURN) for audio and video calls."""
        return await self.ask(side_calls.ice_servers())

    async def configuration(self) -> WidgetConfiguration:
        """The web widget's settings; `form(form_id)` has the fields of a secure form."""
        return await self.ask(side_calls.widget_configuration())

    # --- of a chat ----------------------------------------------------------------------------------------------------

    async def subscribe(self, chat_id: str, token: side_calls.PushToken) -> None:
        """Announce a chat's events by push: pass the payload's `chatID` to `ChatSession.pushed`. v2.

        Args:
            chat_id: Of the chat.
            token: Of the device.
        """
        of_type("subscribe: token", token, "ApnsToken or FirebaseToken", ApnsToken, FirebaseToken)
        await self.ask(_made(side_calls.notifications, chat_id, token))

    async def unsubscribe(self, chat_id: str) -> None:
        """Stop push messages. v2.

        Args:
            chat_id: Of the chat.
        """
        await self.ask(_made(side_calls.notifications, chat_id, None))

    async def case_history(self, chat_id: str) -> side_calls.CaseHistory:
        """The chats of this chat's case. v2, and only while the session has a case (`CaseChanged`).

        Args:
            chat_id: Of the chat.
        """
        return await self.ask(_made(side_calls.case_history, chat_id))

    async def close_case(self, chat_id: str) -> None:
        """Close the case of a chat. v2, as `case_history`.

        Args:
            chat_id: Of the chat.
        """
        await self.ask(_made(side_calls.close_case, chat_id))

    async def history(self, chat_id: str) -> tuple[Entry, ...]:
        """The whole log of an active chat, of both sides. Its session reads it by itself; this is for other uses.

        Args:
            chat_id: Of the chat.
        """
        return await self.ask(_made(side_calls.history, chat_id))

    async def file(self, chat_id: str, file_id: str) -> side_calls.Content:
        """A file of a chat, in memory; for large files use `download`.

        Args:
            chat_id: Of the chat.
            file_id: Of its `File`.
        """
        return await self.ask(_made(side_calls.download, chat_id, file_id))

    async def download(
        self, chat_id: str, file_id: str, *, limit: int = DOWNLOAD_LIMIT, within: timedelta = DOWNLOAD_WITHIN
    ) -> AsyncGenerator[bytes]:
        """A file of a chat, in chunks: `async for chunk in centre.download(…)`.

        `Options.upload_timeout` applies to each chunk. Leave the loop early only with `contextlib.aclosing`, which
        releases the connection.

        Args:
            chat_id: Of the chat.
            file_id: Of its `File`.
            limit: At most so many bytes.
            within: The time for all chunks together.

        Raises:
            TooLarge: The file has more bytes; beside the errors of the class.
        """
        call = _made(side_calls.download, chat_id, file_id)
        limit = whole_number("download: limit", limit)
        within = duration("download: within", within)
        request = request_for(call, self.endpoint, self._options.upload_timeout)
        try:
            async with self._opened().stream(request, within) as (head, chunks):
                begin = head.body
                while len(begin) <= side_calls.ERROR_BODY and (chunk := await anext(chunks, b"")):
                    begin += chunk  # an error in the place of a file is short
                if failure := side_calls.read_file_failure(head.status, head.headers, begin):
                    raise self._refused(call, failure)
                size = 0
                async for chunk in _joined(begin, chunks):
                    size += len(chunk)
                    if size > limit:
                        raise TooLarge(limit)
                    yield chunk
        except CallFailed as failed:
            raise self._unanswered(call, failed) from failed

    async def photo(self, chat_id: str, party_id: str = "") -> side_calls.Content:
        """The picture of an agent, or the chat's icon.

        Args:
            chat_id: Of the chat.
            party_id: Of the agent; "": the chat's icon.
        """
        return await self.ask(_made(side_calls.agent_photo, chat_id, party_id))

    # --- any call -----------------------------------------------------------------------------------------------------

    async def ask(self, call: SideCall[A]) -> A:
        """Carry out a call of `codec.side_calls`.

        Args:
            call: One of its classes.

        Returns:
            The answer of this kind of call.
        """
        of_type("ask: call", call, "a call of codec.side_calls", SideCall)
        answer = await self._once(call)
        if isinstance(answer, Failure) and (other := side_calls.next_path(call, answer)):
            call, answer = other, await self._once(other)
        if isinstance(answer, Failure):
            raise self._refused(call, answer)
        return answer

    def _refused(self, call: SideCall[Any], failure: Failure) -> CentreError:
        url = self.endpoint.url
        return CentreError(call.name, failure, cause=self._opened().cause_of(url, failure.status or 0), url=url)

    def _unanswered(self, call: SideCall[Any], failed: CallFailed) -> CentreError:
        failure = Failure(failed.kind, detail=failed.reason)
        return CentreError(call.name, failure, cause=failed.cause, url=self.endpoint.url)

    async def _once(self, call: SideCall[A]) -> A | Failure:
        http = self._opened()
        request = request_for(call, self.endpoint, self._options.request_timeout)
        try:
            response = await http.exchange(request, raw=call.raw)
        except CallFailed as failed:
            raise self._unanswered(call, failed) from failed
        read = partial(side_calls.read_answer, call, response.status, response.headers, response.body)
        return await http.worker.run(read) if len(response.body) > LONG_BODY and not call.raw else read()

    def _opened(self) -> HttpClient:
        if self._http is None:
            raise ChatError("the contact centre is not open: use it inside `async with`")
        check_loop(self._http.loop)
        return self._http


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk


def request_for(call: SideCall[Any], endpoint: Endpoint, timeout: timedelta) -> HttpRequest:
    """The request of this call, with a unique address, so that no cache answers it (F34)."""
    return side_calls.to_request(call, endpoint, timeout // timedelta(milliseconds=1), nonce=secrets.token_hex(8))


def _made(make: Callable[P, SideCall[A]], *about: P.args, **more: P.kwargs) -> SideCall[A]:
    """A call about this chat. Raises BadSetting."""
    for name, value in zip(signature(make).parameters, about, strict=False):
        if name.endswith("_id"):
            text(f"{make.__name__}: {name}", value)
    return made(make.__name__, make, *about, **more)
