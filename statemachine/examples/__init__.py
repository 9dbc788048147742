"""Bridges and drivers to copy and change, one file each. They run as they are, and need what they import.

`asyncio_driver`, `threads_requests`, `trio_httpx2` and `web_view` are for programs without `ChatClient`. The rules that
they keep are in `statemachine/DRIVER.md`. `ray_workers` starts workers on the machines of a Ray cluster. The others are
bridges to messengers.

They survive a kill at any time. A user's message is acknowledged to the messenger after it is saved, with the
messenger's own id as key, so that a repeated delivery is one message. An agent's message is acknowledged after the
messenger has received it, or has refused it for good. Texts that are too long are split, messages without a text are
named, and webhook calls that cannot be used are answered 4xx with the reason. Let a supervisor restart them; the store
(`STORE`) must persist.
"""
