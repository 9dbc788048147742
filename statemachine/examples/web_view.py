"""Web views (Flask) with chats in a table and a job queue: what happens is in the database, not in a process.

    python -m statemachine.examples.web_view URL TENANT APP_ID DATABASE PORT     (web: as many processes as you like)
    python -m statemachine.examples.web_view URL TENANT APP_ID DATABASE          (worker: one process)

POST /chats/ID {"key": …, "text": …} or {"end": true}; GET /chats/ID/updates?after=SEQ acknowledges all up to SEQ. Each
process may be killed at any time: a key that is repeated is one text.
"""

import json
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import partial
from threading import Thread

import flask
import requests

import statemachine as sm
from statemachine.http import Cookies, Endpoint, read_reply, to_http

TABLES = """PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS chat (id TEXT PRIMARY KEY, snapshot TEXT, wake INTEGER, cookies TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS journal (chat TEXT, seq INTEGER, content TEXT, PRIMARY KEY (chat, seq));
CREATE TABLE IF NOT EXISTS job (chat TEXT, command INTEGER, content TEXT, begun INTEGER DEFAULT 0);"""
CLAIM = "UPDATE job SET begun = 1 WHERE rowid = (SELECT min(rowid) FROM job WHERE NOT begun) RETURNING chat, content"
app = flask.Flask(__name__)


@contextmanager
def transaction() -> Generator[sqlite3.Cursor]:
    with closing(sqlite3.connect(sys.argv[4], timeout=30, isolation_level=None)) as database, database:
        yield database.execute("BEGIN IMMEDIATE")


def now() -> int:
    return time.time_ns() // 1_000_000


def step(chat: str, make_event: Callable[[sm.Session], sm.Event]) -> None:
    """One step in one transaction: the session, its updates, and its commands as jobs."""
    with transaction() as db:
        row = db.execute("SELECT snapshot FROM chat WHERE id = ?", (chat,)).fetchone()
        before = sm.restore(json.loads(row[0])) if row else sm.new_session(now())
        session, out = sm.reduce(before, make_event(before))
        wake, text = (sm.wake_window(session) or [None])[0], json.dumps(sm.snapshot(session))
        db.execute("INSERT OR IGNORE INTO chat (id) VALUES (?)", (chat,))
        db.execute("UPDATE chat SET snapshot = ?, wake = ? WHERE id = ?", (text, wake, chat))
        updates = [(chat, one.seq, json.dumps(sm.encode_update(one))) for one in out if isinstance(one, sm.TRANSCRIPT)]
        db.executemany("INSERT INTO journal VALUES (?, ?, ?)", updates)
        jobs = [(chat, one.id, json.dumps(sm.encode_command(one))) for one in out if isinstance(one, sm.Command)]
        db.executemany("INSERT INTO job (chat, command, content) VALUES (?, ?, ?)", jobs)
        owed = json.dumps([command.id for command in sm.outbox(session)])
        db.execute("DELETE FROM job WHERE chat = ? AND command NOT IN (SELECT value FROM json_each(?))", (chat, owed))


@app.post("/chats/<chat>")
def say(chat: str) -> tuple[str, int]:
    try:
        step(chat, partial(intent, **flask.request.get_json()))
    except (sm.IllegalIntent, TypeError) as refusal:  # TypeError: an unknown member, a value of a wrong type
        return str(refusal), 409 if isinstance(refusal, sm.IllegalIntent) else 400
    return "", 204


def intent(session: sm.Session, text: str = "", key: str = "", end: bool = False) -> sm.Event:
    if session.phase == "idle":
        return sm.RequestChat(now(), secrets.token_hex(8), text=text, key=key)
    return sm.End(now()) if end else sm.SendText(now(), text, key)


@app.get("/chats/<chat>/updates")
def updates(chat: str) -> flask.Response:
    with transaction() as db:
        after = flask.request.args.get("after", 0, int)
        db.execute("DELETE FROM journal WHERE chat = ? AND seq <= ?", (chat, after))
        rows = db.execute("SELECT content FROM journal WHERE chat = ? ORDER BY seq", (chat,)).fetchall()
    return flask.jsonify([json.loads(content) for (content,) in rows])


def work() -> None:
    while True:
        with transaction() as db:
            due = db.execute("SELECT id FROM chat WHERE wake <= ?", (now(),)).fetchall()
            job = db.execute(CLAIM).fetchone()
        for (chat,) in due:
            step(chat, lambda session: sm.Tick(now()))
        if job:
            execute(job[0], sm.decode_command(json.loads(job[1])))
        time.sleep(0 if job else 0.05)


def execute(chat: str, command: sm.Command) -> None:
    with transaction() as db:
        cookies = Cookies(db.execute("SELECT cookies FROM chat WHERE id = ?", (chat,)).fetchone()[0])
    url, tenant, app_id = sys.argv[1:4]
    request = to_http(command, Endpoint(url, tenant, app_id, chat), nonce=secrets.token_hex(8))
    headers = dict(request.headers) | cookies.headers(request.url)
    send = partial(requests.request, headers=headers, timeout=request.timeout / 1_000, allow_redirects=False)
    try:
        got = send(request.method, request.url, data=request.body)
        reply = read_reply(command, got.status_code, got.headers, got.content, redirected=False)
        if cookies.update(request.url, got.raw.headers.getlist("Set-Cookie")):
            with transaction() as db:
                db.execute("UPDATE chat SET cookies = ? WHERE id = ?", (cookies.text, chat))
    except requests.RequestException as error:
        reply = sm.Failure("timeout" if isinstance(error, requests.Timeout) else "cut")
    step(chat, lambda session: sm.Answered(now(), command.id, reply))


def fail(chat: str, command: int) -> None:
    step(chat, lambda session: sm.Answered(now(), command, sm.Failure("cut")))


if __name__ == "__main__":
    sqlite3.connect(sys.argv[4]).executescript(TABLES)
    if sys.argv[5:]:
        app.run(port=int(sys.argv[5]))
    with transaction() as db:
        begun = db.execute("SELECT chat, command FROM job WHERE begun").fetchall()
    for job in begun:  # the worker before this one was killed meanwhile
        fail(*job)
    for _ in range(8):  # a poll takes half a minute, so there are several threads
        Thread(target=work).start()
