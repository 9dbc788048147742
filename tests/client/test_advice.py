"""What errors mean to a person: each documented one has its setting, and nothing is left without a word."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given

from statemachine import Failure
from statemachine.adapters.http_errors import Cause
from statemachine.client.advice import ADVICE, Setting, advise
from statemachine.core.tables.reactions import CODES
from tests.codec.strategies import records


def test_each_documented_code_has_its_advice() -> None:
    assert ADVICE.keys() == CODES.keys()


@pytest.mark.parametrize(
    ("failure", "setting"),
    [
        (Failure("http", 400, 1000), "tenant"),
        (Failure("http", 403, 2003), "app_id"),
        (Failure("http", 401, 2004), "client_id"),
        (Failure("http", 403, 3000), "app_id"),
        (Failure("http", 404, 5006), "app_id"),
        (Failure("http", 429, 5509), "client_id"),
        (Failure("http", 406, 5601), "scenario"),
        (Failure("http", 406, 5603), "scenario"),
        (Failure("http", 401), "app_id"),
        (Failure("http", 404), "url"),
        (Failure("http", 302), "url"),
        (Failure("http", 407), "proxy"),
        (Failure("http", 502), "server"),
        (Failure("unsent"), "url"),
        (Failure("unreadable", 200), "url"),
    ],
)
def test_the_setting_to_correct(failure: Failure, setting: str) -> None:
    assert advise(failure).setting == setting


def test_a_code_counts_more_than_its_status() -> None:
    assert advise(Failure("http", 404, 5005)).setting == ""
    assert "error 7777" in str(advise(Failure("http", 404, 7777)))


@given(records(Failure))
def test_every_failure_has_a_word(failure: Failure) -> None:
    advice = advise(failure)
    assert advice.problem
    assert advice.remedy
    assert advice.setting in get_args(Setting)


@pytest.mark.parametrize("cause", [one for one in get_args(Cause) if one not in ("", "blocked")])
def test_every_cause_has_its_advice(cause: Cause) -> None:
    """A cause is known only where there is no answer: its advice is more exact than that of the kind."""
    assert advise(Failure("cut"), cause) != advise(Failure("cut"))


@pytest.mark.parametrize(
    ("failure", "url", "path"),
    [
        (Failure("http", 404), "https://chat.example.com/clientweb/api/v2", "/clientweb/api/v2"),
        (Failure("unreadable", 200), "https://chat.example.com/admin", "/admin"),
        (Failure("http", 302), "http://chat.example.com:8080/x", "/x"),
    ],
)
def test_a_path_in_the_url_is_the_first_suspect(failure: Failure, url: str, path: str) -> None:
    advice = advise(failure, url=url)
    assert (advice.setting, f"leave out the path {path}:" in advice.remedy) == ("url", True)
    assert "leave out" not in advise(failure, url="https://chat.example.com").remedy
    assert "leave out" not in advise(Failure("http", 503), url=url).remedy
