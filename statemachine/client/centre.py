"""`ContactCentre`: the calls beside the conversation, as an asyncio object."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final, ParamSpec, Self, TypeVar

from statemachine.adapters.http_client import CallFailed, HttpClient
from statemachine.codec import side_calls
from statemachine.codec.body import MAX_BODY
from statemachine.codec.http import Endpoint, HttpRequest
from statemachine.codec.side_calls import (
    Availability,
    CaseHistory,
    Content,
    IceServer,
    Parameter,
    PushToken,
    SideCall,
    next_path,
    read_answer,
    to_request,
)
from statemachine.codec.widget import WidgetConfiguration

from ..core import ChatOpened, Entry, Failure
from .advice import Advice, advise
from .errors import BadSetting, ChatError
from .options import Options

A = TypeVar("A")
P = ParamSpec("P")

DOWNLOAD_LIMIT: Final = MAX_BODY
"""Bytes: twice what the vendor's servers take. What goes on and on is broken off there."""


class CentreError(ChatError):
    """A call that did not succeed. The text says what to correct. `failure`: what came; `advice`: the text in parts.

    `uncertain`: the request may have taken effect all the same.
    """

    def __init__(self, call: str, failure: Failure, reason: str = "") -> None:
        self.call: Final = call
        self.failure: Final = failure
        self.advice: Final[Advice] = advise(failure)
        self.uncertain: Final = failure.kind in ("timeout", "cut", "unreadable")
        known = f"error {failure.code}" if failure.code is not None else reason
        super().__init__(f"{call}: {self.advice.problem}{f' ({known})' if known else ''}: {self.advice.remedy}")


class SmsRefused(ChatError):
    """The centre did not send the text message. `code` is of a space of its own; the vendor's reference has it."""

    def __init__(self, code: int) -> None:
        super().__init__(
            f"requestsms: the contact centre refused, code {code}: check the phone number and its settings"
        )
        self.code: Final = code


class TooLarge(ChatError):
    """A file that goes on beyond `limit` bytes; those that came before are of no use."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"file: it is larger than {limit} bytes, and was broken off: give a higher limit to have it")
        self.limit: Final = limit


class ContactCentre:
    """What a contact centre answers outside a conversation. Entered with `async with`, unless it is given a `line`.

    Each method is one request (case history and close case: two, where the first path is not there), answered within
    `Options.request_timeout`, and never repeated. Each raises CentreError, and BadSetting for an id that is none;
    cancelled, it breaks the request off.
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
        """As `ChatClient`. `line`: what a chat's own calls go over, cookies included; where None, a line of its own.

        Raises BadSetting.
        """
        self._options = options or Options()
        self.endpoint: Final = self._options.endpoint(url, tenant, app_id, client_id)
        self._shared = http
        self._http: HttpClient | None = http
        self._stack = AsyncExitStack()

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

    async def availability(self) -> Availability:
        """Whether a chat would be taken now, and the estimated wait."""
        return await self.ask(side_calls.availability())

    async def expected_parameters(self) -> tuple[Parameter, ...]:
        """What the scenario wants to be told when a chat is requested."""
        return await self.ask(side_calls.expected_parameters())

    async def active_chat(self) -> ChatOpened | None:
        """This customer's chat that is still alive, or None."""
        try:
            return await self.ask(side_calls.active_chat())
        except CentreError as error:
            if error.failure.status == 404 and error.failure.code in (None, 5005):
                return None
            raise

    async def request_sms(
        self, phone_number: str, *, from_: str | None = None, parameters: Mapping[str, object] | None = None
    ) -> None:
        """Ask the centre to text this number and so begin a chat by SMS. v1 alone has it. Raises SmsRefused too."""
        done = await self.ask(side_calls.request_sms(phone_number, from_=from_, parameters=parameters))
        if done.code:
            raise SmsRefused(done.code)

    async def ice_servers(self) -> tuple[IceServer, ...]:
        """The servers through which calls find their way."""
        return await self.ask(side_calls.ice_servers())

    async def configuration(self) -> WidgetConfiguration:
        """The web widget's settings; `form(form_id)` finds what a secure form asks for."""
        return await self.ask(side_calls.widget_configuration())

    # --- of a chat ----------------------------------------------------------------------------------------------------

    async def subscribe(self, chat_id: str, token: PushToken) -> None:
        """Have the chat's news announced by push: its payload's `chatID` goes to `pushed`. The last one counts. v2."""
        await self.ask(_made(side_calls.notifications, chat_id, token))

    async def unsubscribe(self, chat_id: str) -> None:
        """No push any more. v2."""
        await self.ask(_made(side_calls.notifications, chat_id, None))

    async def case_history(self, chat_id: str) -> CaseHistory:
        """The chats of this chat's case. v2, and only while the session has a case (`CaseChanged`)."""
        return await self.ask(_made(side_calls.case_history, chat_id))

    async def close_case(self, chat_id: str) -> None:
        """The customer's concern is settled. v2, as `case_history`."""
        await self.ask(_made(side_calls.close_case, chat_id))

    async def history(self, chat_id: str) -> tuple[Entry, ...]:
        """The whole log of a chat that lives, both sides'. Its session reads it by itself; this is for looking back."""
        return await self.ask(_made(side_calls.history, chat_id))

    async def file(self, chat_id: str, file_id: str) -> Content:
        """A file of this chat (`File.file_id`), whole in memory; `download` gives a large one in pieces."""
        return await self.ask(_made(side_calls.download, chat_id, file_id))

    async def download(self, chat_id: str, file_id: str, *, limit: int = DOWNLOAD_LIMIT) -> AsyncGenerator[bytes]:
        """A file of this chat, in pieces as they come: `async for piece in centre.download(…)`.

        Each piece has `Options.upload_timeout` to come. Raises TooLarge too, once there is more than `limit`. Leave it
        early only with `contextlib.aclosing`, which gives the connection back.
        """
        call = _made(side_calls.download, chat_id, file_id)
        request = request_for(call, self.endpoint, self._options.upload_timeout)
        try:
            async with self._opened().stream(request) as (head, pieces):
                if head.status != 200:
                    failure = read_answer(call, head.status, head.headers, head.body)
                    assert isinstance(failure, Failure)
                    raise CentreError(call.name, failure)
                size = 0
                async for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise TooLarge(limit)
                    yield piece
        except CallFailed as failed:
            raise CentreError(call.name, Failure(failed.kind), failed.reason) from failed

    async def photo(self, chat_id: str, party_id: str = "") -> Content:
        """The picture of an agent; without `party_id`, the chat's icon."""
        return await self.ask(_made(side_calls.agent_photo, chat_id, party_id))

    # --- any call -----------------------------------------------------------------------------------------------------

    async def ask(self, call: SideCall[A]) -> A:
        """Carry out one call of `codec.side_calls`."""
        answer = await self._once(call)
        if isinstance(answer, Failure) and (other := next_path(call, answer)):
            call, answer = other, await self._once(other)
        if isinstance(answer, Failure):
            raise CentreError(call.name, answer)
        return answer

    async def _once(self, call: SideCall[A]) -> A | Failure:
        request = request_for(call, self.endpoint, self._options.request_timeout)
        try:
            response = await self._opened().exchange(request)
        except CallFailed as failed:
            raise CentreError(call.name, Failure(failed.kind), failed.reason) from failed
        return read_answer(call, response.status, response.headers, response.body)

    def _opened(self) -> HttpClient:
        if self._http is None:
            raise ChatError("the contact centre is not open: use it inside `async with`")
        return self._http


def request_for(call: SideCall[Any], endpoint: Endpoint, timeout: timedelta) -> HttpRequest:
    """What carries out this call, to be answered within so long; of an address that no cache has seen before (F34)."""
    return to_request(call, endpoint, timeout // timedelta(milliseconds=1), nonce=secrets.token_hex(8))


def _made(make: Callable[P, SideCall[A]], *about: P.args, **more: P.kwargs) -> SideCall[A]:
    """A call about this chat. Raises BadSetting."""
    try:
        return make(*about, **more)
    except ValueError as error:
        raise BadSetting(f"{make.__name__}: {error}") from None
