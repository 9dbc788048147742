"""`statemachine cluster`: see and steer the workers of a PostgreSQL database."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click
from attrs import asdict

from statemachine.store.errors import StoreError
from statemachine.store.names import is_url

from .app import Group, Trouble, in_trouble
from .screen import Screen


@click.group(name="cluster", cls=Group)
def command() -> None:
    """See and steer the workers that share the chats of a PostgreSQL database: URL is the one of their store.

    Exit status: 0 done; 2 it could not be executed.
    """


@command.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(url: str, as_json: bool) -> None:
    """Print the workers, the inbox and the readers of updates. Changes nothing."""
    with in_trouble(StoreError):
        found = _steering(url).status(url)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    screen = Screen()
    for one in found.workers:
        state = ", draining" * one.draining + ", cut off from the contact centre" * one.cut_off
        screen.line(
            f"worker  {one.id}: {one.shards} shards, {one.chats:,} chats, beat {one.beat_s:.1f} s ago, "
            f"joined {one.since_s:,.0f} s ago{state}"
        )
    suspects = f", {found.suspects} of them suspected to stop their workers, and tried in parts" * bool(found.suspects)
    screen.line(f"shards  {found.free_shards} without an owner{suspects}")
    for shard in found.quarantined:
        screen.line(("! ", "bold yellow"), f"shard {shard} is in quarantine: its chats stopped each of its workers.")
        screen.line(f"  Correct the cause, then: statemachine cluster release URL {shard}")
    screen.line(f"inbox   {found.inbox_depth:,} waiting, the oldest for {found.inbox_oldest_s:.1f} s")
    for reader in found.readers:
        screen.line(f"reader  {reader.name}: {reader.lag:,} updates behind, seen {reader.seen_s:,.0f} s ago")
    if found.warning:
        screen.line(("! ", "bold yellow"), found.warning)


@command.command()
@click.argument("url")
@click.argument("worker")
def drain(url: str, worker: str) -> None:
    """Let WORKER hand all its chats over and take no others; it goes on running until it is stopped."""
    with in_trouble(StoreError):
        _steering(url).drain(url, worker)
    Screen().line(f"{worker} hands its shards over")


@command.command()
@click.argument("url")
@click.argument("shard", type=click.IntRange(min=0))
@click.argument("worker")
def move(url: str, shard: int, worker: str) -> None:
    """Let WORKER take SHARD over from its owner."""
    with in_trouble(StoreError):
        _steering(url).move(url, shard, worker)
    Screen().line(f"shard {shard} moves to {worker}")


@command.command()
@click.argument("url")
@click.argument("shard", type=click.IntRange(min=0))
def release(url: str, shard: int) -> None:
    """Let the workers claim SHARD again, which is in quarantine because its chats stopped its workers."""
    with in_trouble(StoreError):
        _steering(url).release(url, shard)
    Screen().line(f"shard {shard} may be claimed again")


def _steering(url: str) -> Any:
    if not is_url(url):
        raise Trouble("expected the URL of a database, like postgresql://user:password@host/database")
    with in_trouble(ImportError):
        return import_module("statemachine.cluster.steering")
