"""Web views (Flask) with chats in a table and a job queue: all state is in the database, none in a process.

    flask --app statemachine.examples.web_view run --port PORT     (web: any WSGI server, as many processes as you like)
    python -m statemachine.examples.web_view                       (worker: one process)

Both read CENTRE_URL, TENANT, APP_ID and DATABASE from the environment. POST /chats/ID {"key": …, "text": …} or
{"end": true}; GET /chats/ID/updates/SEQ acknowledges all up to SEQ and answers with those after it. Each process may be
killed at any time: a key that is repeated is one text.
"""

import json
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from threading import Thread

import flask
from requests import RequestException, Timeout, request

import statemachine as sm
from statemachine.http import Cookies, Endpoint, read_reply, to_http

TABLES = """CREATE TABLE IF NOT EXISTS chat (id TEXT PRIMARY KEY, snapshot TEXT, wake INTEGER, cookies TEXT);
CREATE TABLE IF NOT EXISTS journal (chat TEXT, seq INTEGER, content TEXT, PRIMARY KEY (chat, seq));
CREATE TABLE IF NOT EXISTS job (chat TEXT, command INTEGER, content TEXT, cookies TEXT, begun INTEGER DEFAULT 0);"""
NAMES = ("CENTRE_URL", "TENANT", "APP_ID", "DATABASE")
CENTRE_URL, TENANT, APP_ID, DATABASE = (os.environ.get(name) or sys.exit(f"{name} is not set") for name in NAMES)
sqlite3.connect(DATABASE).executescript(TABLES)
app = flask.Flask(__name__)


@contextmanager
def transaction() -> Generator[sqlite3.Cursor]:
    with closing(sqlite3.connect(DATABASE, timeout=30, isolation_level=None)) as database, database:
        yield database.execute("BEGIN IMMEDIATE")


def now() -> int:
    return time.time_ns() // 1_000_000


def step(chat: str, event: sm.Event, opening: sm.Event | None = None, new_cookies: str = "") -> None:
    """One step in one transaction: the session, its updates, and its commands as jobs."""
    with transaction() as db:
        row = db.execute("SELECT snapshot, cookies FROM chat WHERE id = ?", (chat,)).fetchone()
        before = sm.restore(json.loads(row[0])) if row else sm.new_session(now())
        session, out = sm.reduce(before, opening if opening and before.phase == "idle" else event)
        text, jar = json.dumps(sm.snapshot(session)), new_cookies or (row[1] if row else "")
        db.execute("REPLACE INTO chat VALUES (?, ?, ?, ?)", (chat, text, sm.next_deadline(session), jar))
        updates = [(chat, one.seq, json.dumps(sm.encode_update(one))) for one in out if isinstance(one, sm.TRANSCRIPT)]
        db.executemany("INSERT INTO journal VALUES (?, ?, ?)", updates)
        jobs = [(chat, one.id, json.dumps(sm.encode_command(one)), jar) for one in out if isinstance(one, sm.Command)]
        db.executemany("INSERT INTO job (chat, command, content, cookies) VALUES (?, ?, ?, ?)", jobs)
        done = [(chat, one.id) for one in {*sm.outbox(before)} - {*sm.outbox(session)}]
        db.executemany("DELETE FROM job WHERE chat = ? AND command = ?", done)


@app.post("/chats/<chat>")
def say(chat: str) -> tuple[str | bytes, int]:
    try:
        step(Endpoint(CENTRE_URL, TENANT, APP_ID, chat).client_id, *intents(**flask.request.get_json()))
    except (sm.IllegalIntent, ValueError, TypeError, RecursionError) as refusal:  # a wrong id, type, member; too deep
        return str(refusal).encode(errors="replace"), 409 if isinstance(refusal, sm.IllegalIntent) else 400
    return "", 204


def intents(text: str = "", key: str = "", end: bool = False) -> tuple[sm.Event, sm.Event | None]:
    opening = None if end is True else sm.RequestChat(now(), secrets.token_hex(8), text=text, key=key)
    return sm.End(now()) if end is True else sm.SendText(now(), text, key), opening


@app.get("/chats/<chat>/updates/<int(max=9223372036854775807):after>")
def updates(chat: str, after: int) -> flask.Response:
    with transaction() as db:
        db.execute("DELETE FROM journal WHERE chat = ? AND seq <= ?", (chat, after))
        rows = db.execute("SELECT content FROM journal WHERE chat = ? ORDER BY seq", (chat,)).fetchall()
    return flask.jsonify([json.loads(content) for (content,) in rows])


def work() -> None:
    with transaction() as db:
        begun = db.execute("SELECT chat, command FROM job WHERE begun").fetchall()
    for chat, command in begun:  # the worker before this one was killed meanwhile
        step(chat, sm.Answered(now(), command, sm.Failure("cut")))
    while True:
        with transaction() as db:
            due = db.execute("SELECT id FROM chat WHERE wake <= ?", (now(),)).fetchall()
            jobs = db.execute("UPDATE job SET begun = 1 WHERE NOT begun RETURNING chat, content, cookies").fetchall()
        for (chat,) in due:
            step(chat, sm.Tick(now()))
        for job in jobs:
            Thread(target=execute, args=job).start()
        time.sleep(0.05)


def execute(chat: str, content: str, stored: str) -> None:
    command, cookies, new = sm.decode_command(json.loads(content)), Cookies(stored), ""
    call = to_http(command, Endpoint(CENTRE_URL, TENANT, APP_ID, chat), nonce=secrets.token_hex(8))
    headers, limit = dict(call.headers) | cookies.headers(call.url), call.timeout / 1_000
    try:
        got = request(call.method, call.url, data=call.body, headers=headers, timeout=limit, allow_redirects=False)
        reply = read_reply(command, got.status_code, got.headers, got.content, redirected=False)
        new = cookies.text if cookies.update(call.url, got.raw.headers.getlist("Set-Cookie")) else ""
    except RequestException as error:
        reply = sm.Failure("timeout" if isinstance(error, Timeout) else "cut")
    step(chat, sm.Answered(now(), command.id, reply), new_cookies=new)


if __name__ == "__main__":
    work()
