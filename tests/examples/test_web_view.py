"""The example for Flask: whatever is posted, it answers 2xx or 4xx, and takes nothing that its worker cannot send."""

from __future__ import annotations

import importlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask")
pytest.importorskip("requests")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web") / "chats.sqlite"


@pytest.fixture(scope="module")
def web(database: Path) -> Iterator[Any]:
    settings = {"CENTRE_URL": "http://127.0.0.1:9", "TENANT": "t", "APP_ID": "a", "DATABASE": str(database)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.delitem(sys.modules, "statemachine.examples.web_view", raising=False)  # it may use an earlier database
        yield importlib.import_module("statemachine.examples.web_view").app.test_client()


def post(web: Any, body: bytes, chat: str = "ann", kind: str = "application/json") -> tuple[int, str]:
    answer = web.post(f"/chats/{chat}", data=body, content_type=kind)
    return answer.status_code, answer.text


BODIES = [
    b"",
    b"null",
    b"[]",
    b"5",
    b"NaN",
    b'"text"',
    b'{"text": null}',
    b'{"text": NaN}',
    b'{"text": 1e999}',
    b'{"text": ["x"]}',
    b'{"text": ' + b"9" * 5_000 + b"}",
    b'{"key": 5, "text": "x"}',
    b'{"other": 1}',
    b'{"self": 1}',
    b'{"\\ud800": 1}',
    b"[" * 100_000,
    b'{"text": ' + b"[" * 100_000,
    '{"text": "é"}'.encode("latin-1"),
    b'{"text": "x"} x',
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_a_wrong_body_is_refused_and_changes_nothing(web: Any, database: Path, body: bytes) -> None:
    status, words = post(web, body, "eve")
    assert status in (400, 409)
    assert words
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT count(*) FROM chat WHERE id = 'eve'").fetchone() == (0,)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_a_body_of_another_kind_is_refused(web: Any, kind: str) -> None:
    assert post(web, b'{"text": "x"}', kind=kind)[0] == 415


@pytest.mark.parametrize("chat", ["%00", "%0d%0ax", '"', "%20", "%C3%A9", "%ff"])
def test_an_id_that_cannot_be_sent_is_refused(web: Any, database: Path, chat: str) -> None:
    status, words = post(web, b'{"text": "x"}', chat)
    assert (status, words[:9]) == (400, "client_id")
    with closing(sqlite3.connect(database)) as opened:
        ids = [one for (one,) in opened.execute("SELECT chat FROM job")]
    assert all(one.isascii() and one.isalnum() for one in ids)


@pytest.mark.parametrize("after", ["x", "-1", "1e5", "9" * 23, "9223372036854775808"])
def test_a_wrong_number_is_refused(web: Any, after: str) -> None:
    assert web.get(f"/chats/ann/updates/{after}").status_code == 404
    assert web.get("/chats/ann/updates/9223372036854775807").json == []


def test_what_is_right_is_taken_and_an_end_of_nothing_is_no_chat(web: Any, database: Path) -> None:
    assert post(web, b'{"end": true}', "bob")[0] in (204, 409)
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT count(*) FROM job WHERE chat = 'bob'").fetchone() == (0,)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        body = json.dumps({"key": encoding, "text": "é"}, ensure_ascii=False).encode(encoding)
        assert post(web, body, "joe") == (204, "")
    assert post(web, b'{"key": "4", "text": "", "end": false}', "joe")[0] == 409
    for wrong in (b'"no"', b"[]", b"1", b"null"):
        assert post(web, b'{"end": %b}' % wrong, "joe")[0] == 409, "not ended"
    assert post(web, b'{"end": true}', "joe") == (204, "")
    assert post(web, b'{"key": "5", "text": "x"}', "joe")[0] == 409
