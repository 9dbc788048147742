"""Single values in every form seen in the wild (protocol.md 3.0), and in forms never seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec import values
from statemachine.codec.values import Expected
from tests.codec.strategies import DURATIONS, INSTANTS

SECOND = 1_614_718_748
NEVER: list[object] = [True, None, [], {}, "x", "nan", "1e5", float("nan"), float("inf"), -float("inf")]
NEVER += [10**5_000, 1e308, "٣"]


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (str(SECOND), SECOND * 1_000),
        (SECOND, SECOND * 1_000),
        (float(SECOND), SECOND * 1_000),
        (f"{SECOND}.25", SECOND * 1_000 + 250),
        (f" {SECOND} ", SECOND * 1_000),
        (SECOND * 1_000 + 7, SECOND * 1_000 + 7),
        (str(SECOND * 1_000 + 7), SECOND * 1_000 + 7),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        ("", None),
        (0, None),
        ("0", None),
        (-5, None),
        (-1e308, None),
    ],
)
def test_f7_instants_in_seconds_or_milliseconds_as_number_or_text(value: object, instant: int | None) -> None:
    assert values.read_instant(value) == instant


@pytest.mark.parametrize(
    ("value", "milliseconds"), [("30", 30_000), (30, 30_000), ("", None), ("0", 0), (1.5, 1_500), ("2.25", 2_250)]
)
def test_f6_a_wait_in_seconds_as_number_or_text_where_empty_is_not_zero(
    value: object, milliseconds: int | None
) -> None:
    assert values.read_seconds(value) == milliseconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        (0, "0"),
        (17, "17"),
        (0.25, "0.25"),
        (1e-7, "0.0000001"),
        ("a\ud800", "a\ufffd"),
        ("\0", "\0"),
    ],
)
def test_texts_and_ids_sent_as_numbers(value: object, text: str) -> None:
    assert values.read_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("50.450100", "50.450100"), (50.4501, "50.4501"), (-1e-7, "-0.0000001"), (30, "30"), (" 5 ", "5"), ("+5", "+5")],
)
def test_coordinates_keep_their_digits(value: object, text: str) -> None:
    assert values.read_decimal(value) == text


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("true", True), (" TRUE", True), (1, True), ("False", False), ("0", False), (0, False)],
)
def test_flags(value: object, flag: bool) -> None:
    assert values.read_flag(value) is flag


@pytest.mark.parametrize(("value", "number"), [(0, 0), ("0", 0), ("-4", -4), (5.0, 5)])
def test_whole_numbers(value: object, number: int) -> None:
    assert values.read_integer(value) == number


READERS: list[tuple[Callable[[Any], object], list[object]]] = [
    (values.read_text, [True, None, [], {}, float("nan"), float("inf"), 10**5_000]),
    (values.read_decimal, [*NEVER[:-3], ""]),
    (values.read_instant, [*NEVER, 10**14, "1" * 41]),
    (values.read_seconds, [*NEVER, -1, "-1", 10**10]),
    (values.read_flag, ["", "yes", 2, None, [], 0.5]),
    (values.read_integer, [*NEVER, 0.5, "0.5", 2**63, ""]),
]


@pytest.mark.parametrize(("reader", "hopeless"), READERS, ids=lambda item: getattr(item, "__name__", ""))
def test_the_hopeless_is_refused_without_being_quoted(
    reader: Callable[[object], object], hopeless: list[object]
) -> None:
    for value in hopeless:
        with pytest.raises(Expected, match=r"^expected [a-z ]+$"):
            reader(value)


@given(INSTANTS.filter(lambda value: value is not None))
def test_instants_come_back(instant: int) -> None:
    assert values.read_instant(values.write_instant(instant)) == instant


@given(DURATIONS.filter(lambda value: value is not None))
def test_durations_come_back(duration: int) -> None:
    assert values.read_seconds(values.write_seconds(duration)) == duration


@given(st.floats(-180, 180))
def test_a_coordinate_sent_as_a_number_keeps_its_value(number: float) -> None:
    text = values.read_decimal(number)
    assert "e" not in text
    assert float(text) == number
