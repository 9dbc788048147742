"""Did it end as it should? The centre's books against what the client told; what differs is said in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from statemachine.emulator import Centre, Chat

from .customer import Customer, Watcher
from .scenes import Scene

__all__ = ["in_order", "problems", "told_once"]


def problems(scene: Scene, centre: Centre, customer: Customer, watcher: Watcher, outcome: str | None) -> list[str]:
    """What did not go as the scene wants it; empty where all did."""
    return list(_problems(scene, centre, customer, watcher, outcome))


def _problems(scene: Scene, centre: Centre, customer: Customer, watcher: Watcher, outcome: str | None) -> Iterator[str]:
    if outcome != scene.outcome:
        yield f"the outcome is {outcome}, not {scene.outcome}"
    if watcher.failures < scene.failures:
        yield f"{watcher.failures} calls failed, not {scene.failures} as planned"
    if not in_order(scene.phases, watcher.phases):
        yield f"the phases were {', '.join(watcher.phases)}, without {', '.join(scene.phases)} in this order"
    chats = list(centre.chats.values())
    if len(chats) != 1:
        yield f"the centre has {len(chats)} chats, not one"
        return
    yield from told_once(chats[0], customer.sent, [message.msg_id for message in customer.received()])
    missing = set(scene.agents) - customer.names()
    if missing:
        yield f"{', '.join(sorted(missing))} never took part"
    if scene.agents and not customer.waits():
        yield "no estimated wait was told"
    for state in ("sent", "delivered", "read") if scene.all_read else ("sent",):
        count = len(customer.items(state))
        if count < len(customer.sent):
            yield f"{count} of {len(customer.sent)} messages were told to be {state}"
    for violation in centre.violations:
        yield f"a fault of the client ({violation.rule}): {violation.message}"


def told_once(chat: Chat, sent: Sequence[str], told: Sequence[str]) -> Iterator[str]:
    """Every text arrived once and in order; every message of the centre was told once and in order."""
    arrived = [text for _, text in chat.texts_received]
    if arrived != list(sent):
        yield f"of {len(sent)} texts sent, {len(arrived)} arrived: {'; '.join(arrived)}"
    said = [
        str(entry.event.get("msg_id", ""))
        for entry in chat.log
        if entry.direction == "to_client" and entry.event.get("event") == "chat_session_message"
    ]
    if said != list(told):
        yield f"of {len(said)} messages of the centre, {len(told)} were told"


def in_order(wanted: Iterable[str], found: Iterable[str]) -> bool:
    """Whether all that is wanted is found in this order, with anything between."""
    rest = iter(found)
    return all(one in rest for one in wanted)
