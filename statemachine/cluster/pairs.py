"""The pair of tenant and app id that a database belongs to: a worker must poll every chat that it claims."""

from __future__ import annotations

from urllib.parse import unquote

from statemachine.client.errors import BadSetting
from statemachine.store.names import shown
from statemachine.store.postgres_check import reading
from statemachine.store.postgres_database import connect, translated_errors


def set_pair(url: str, pair: str) -> None:
    """Give the database to this pair.

    Raises BadSetting where it belongs to another one, or would lose saves in a crash, and a `StoreError`.
    """
    with translated_errors(url), connect(url) as link:
        if link.execute("SELECT current_setting('synchronous_commit')").fetchone() == ("off",):
            raise BadSetting(
                f"{shown(url)}: synchronous_commit is off: a crash of the server would lose saves, and messages would "
                "be sent twice; set it to on"
            )
        link.execute("UPDATE statemachine.layout SET pair = coalesce(pair, %s)", (pair,))
        row = link.execute("SELECT pair FROM statemachine.layout").fetchone()
    if row and row[0] != pair:
        tenant, app_id, _ = (unquote(part) for part in str(row[0]).split("/"))
        raise BadSetting(
            f"{shown(url)} has the chats of tenant {tenant} and app id {app_id}: use another database for this pair"
        )


def read_pair(url: str) -> tuple[int, str]:
    """The number of shards, and the pair. Raises BadSetting before a worker has used it, and a `StoreError`."""
    with reading(url) as (link, _):
        shards, pair = link.execute("SELECT shards, pair FROM statemachine.layout").fetchone() or (0, None)
    if pair is None:
        raise BadSetting(f"{shown(url)}: no worker has used it yet: start one first")
    return int(shards), str(pair)
