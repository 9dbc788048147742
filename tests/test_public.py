"""The public modules: what they list is there, and the parts without I/O work without the extras."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

WITHOUT_EXTRAS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in "aiohttp yarl multidict click rich hypothesis pytest psycopg".split():
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
from statemachine import *
from statemachine.http import *
from statemachine.driver import *
session, out = reduce(new_session(0), RequestChat(0, "o"))
assert decode_command(encode_command(out[0])) == out[0]
assert to_http(out[0], Endpoint("http://127.0.0.1", "", "a", "c")).method == "POST"
for first_use in sys.argv[1:]:
    try:
        exec(first_use)
    except ModuleNotFoundError as error:
        print(error)
"""
FIRST_USES = {
    "from statemachine import ChatClient": "http",
    "from statemachine.emulator import Emulator": "http",
    "from statemachine.conformance import ConformanceSuite": "conformance",
    "from statemachine.gateway import Gateway": "gateway",
    "from statemachine.cluster import Worker": "http",
    "from statemachine.store.postgres import PostgresStore": "postgres",
}


def test_the_parts_without_io_need_no_extra() -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS, *FIRST_USES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = [line.partition(" needs ")[2] for line in done.stdout.splitlines()]
    assert found == [
        f'the extra "{extra}": pip install "chat-session-statemachine[{extra}]"' for extra in FIRST_USES.values()
    ]


@pytest.mark.parametrize("name", ["statemachine", "statemachine.http", "statemachine.driver", "statemachine.wire"])
def test_all_that_is_listed_is_there(name: str) -> None:
    module = import_module(name)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []
    assert len(set(module.__all__)) == len(module.__all__)
