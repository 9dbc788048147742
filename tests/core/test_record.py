"""Records: attrs classes that share equality, hash and repr, and are frozen in development mode."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import ClassVar

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

from statemachine import Config, RequestChat, reduce
from statemachine.core.record import field, record
from statemachine.core.session import DedupeWindow, new_session
from statemachine.core.wire import Message


@record
class Pair:
    name: ClassVar[str] = "pair"
    left: int
    right: str = field(default="r", repr=lambda text: f"<{len(text)}>")


@record
class Single:
    only: tuple[int, ...] = ()


@record
class Empty:
    pass


@record
class Twin:
    left: int
    right: str = "r"


def test_fields_are_the_parameters_in_order_with_their_defaults() -> None:
    assert Pair(1) == Pair(1, "r") == Pair(left=1, right="r")
    assert Single().only == ()
    assert Empty() == Empty()
    with pytest.raises(TypeError):
        Pair()  # type: ignore[call-arg]


FROZEN = pytest.mark.skipif(not sys.flags.dev_mode, reason="records are frozen in development mode only")


@FROZEN
def test_in_development_mode_nothing_can_be_written_or_deleted() -> None:
    pair = Pair(1)
    with pytest.raises(FrozenInstanceError):
        pair.left = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del pair.left


def test_development_mode_freezes_records() -> None:
    code = "from statemachine import Tick; Tick(1).at = 2"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=False)
    assert "FrozenInstanceError" in done.stderr


def test_there_is_no_room_for_other_attributes() -> None:
    pair = Pair(1)
    with pytest.raises(AttributeError):
        pair.other = 2  # type: ignore[attr-defined]
    assert not hasattr(pair, "__dict__")


def test_it_is_an_attrs_class() -> None:
    assert [f.name for f in attrs.fields(Pair)] == ["left", "right"]
    assert attrs.evolve(Pair(1), left=2) == Pair(2)
    assert attrs.asdict(Pair(1)) == {"left": 1, "right": "r"}


def test_equal_only_within_its_class() -> None:
    assert Pair(1) != Twin(1)
    assert Pair(1) != (1, "r")
    assert hash(Pair(1)) == hash(Pair(1)) != hash(Twin(1))
    assert len({Empty(), Empty(), Single(), Pair(1)}) == 3


def test_repr_shows_what_the_fields_allow() -> None:
    assert repr(Pair(1, "secret")) == "Pair(left=1, right=<6>)"
    assert "hello" not in repr(Message("1", "agent", "hello"))
    assert "entries" not in repr(DedupeWindow(b"12345678"))


def test_repr_leaves_out_defaults() -> None:
    assert repr(Single()) == "Single()"
    assert repr(Config(api="v1")) == "Config(api='v1')"
    session = new_session(7)
    assert repr(session) == "<Session idle, now=7>"
    session, _ = reduce(session, RequestChat(8, "o"))
    assert repr(session).startswith("<Session requesting, now=8, ids=1, chat=Chat(origin='o'), lifecycle=Requesting(")


@pytest.mark.parametrize("one", [Pair(1), Single((1, 2)), Empty(), new_session(0)])
def test_copies_are_equal(one: object) -> None:
    assert copy.copy(one) == copy.deepcopy(one) == one
    assert type(copy.deepcopy(one)) is type(one)


def test_it_can_be_matched_and_pickled_by_those_who_must() -> None:
    match Pair(1, "x"):
        case Pair(left, right):
            assert (left, right) == (1, "x")
    assert pickle.loads(pickle.dumps(new_session(0))) == new_session(0)
