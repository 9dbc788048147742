"""A database is restored from a backup, while the contact centre and the customers have gone on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from statemachine.cli import main
from statemachine.cluster import Inbox
from statemachine.emulator.http import Emulator
from tests.cluster.test_cluster import centre, states, texts, until, worker
from tests.postgres import programs

__all__ = ["centre"]


async def test_a_restored_backup_uses_no_message_id_twice(
    centre: Emulator, postgres: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with worker(centre, postgres) as one, Inbox(postgres) as inbox:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        await inbox.send("ann", "before the backup", key="before")
        await states(inbox, "crm", {"before"})
        with psycopg.connect(postgres, autocommit=True) as link:  # as if the backup had caught it on its way
            link.execute(
                "INSERT INTO statemachine.inbox (shard, session, key, intent)"
                """ SELECT -1, session, 'waiting', '{"call": "send", "values": {"text": "waiting"}}'"""
                " FROM statemachine.inbox"
            )
        chat = await one.session("ann")
        renew, one._lease.renew = one._lease.renew, lambda sent: None  # type: ignore[method-assign]
        one._lease.end()
        await chat.send("saved, and sent later", key="saved")
        with psycopg.connect(postgres, autocommit=True) as link:
            pending = """SELECT 1 FROM statemachine.session WHERE snapshot LIKE '%"pending"%'"""
            await until(lambda: link.execute(pending).fetchall())
        dump(postgres, tmp_path / "backup.sql")
        one._lease.renew = renew  # type: ignore[method-assign]
        for name in ("after", "later"):
            await inbox.send("ann", f"{name} the backup", key=name)
        await states(inbox, "crm", {"saved", "after", "later"})
    restore(postgres, tmp_path / "backup.sql")
    with psycopg.connect(postgres, autocommit=True) as link:  # the pause after the refused request was over
        link.execute(
            """UPDATE statemachine.session SET snapshot = regexp_replace(snapshot, '("pending")[^}]*', '\\1')"""
        )
    assert main(["store", "recover", postgres]) == 0
    assert "refused 1 intents that waited" in capsys.readouterr().out
    async with worker(centre, postgres) as one, Inbox(postgres) as inbox:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        await inbox.send("ann", "after the restart", key="new")
        await states(inbox, "crm", {"new"})
        assert "restored from a backup" in (await inbox.refusal("ann", "waiting") or "")
    (chat,) = centre.centre.chats.values()
    sent = [msg_id for msg_id, _ in chat.texts_received]
    assert len(set(sent)) == len(sent) == 5
    assert texts(centre) == {
        "ann": [
            "before the backup",
            "saved, and sent later",
            "after the backup",
            "later the backup",
            "after the restart",
        ]
    }


def dump(url: str, file: Path) -> None:
    command = [programs() / "pg_dump", "--schema=statemachine", f"--file={file}", url]
    subprocess.run(command, check=True, capture_output=True)


def restore(url: str, file: Path) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("DROP SCHEMA statemachine CASCADE")
    command = [programs() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={file}", url]
    subprocess.run(command, check=True, capture_output=True)
