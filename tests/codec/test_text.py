"""F36: HTML is neither shown raw nor trusted, and plain text leaves as HTML that shows the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.text import to_html
from statemachine.core.wire import Message


def test_f36_what_to_show_is_the_senders_plain_text_if_there_is_one() -> None:
    assert Message(msg="<b>x</b>", msg_text="y <b>").text == "y <b>"
    assert Message(msg="<b>x</b>", msg_text="").text == ""
    assert Message(msg="<b>x</b>").text == "x"


@pytest.mark.parametrize(("text", "html"), [("a\nb\r\nc\rd", "a<br>b<br>c<br>d"), ("<b>&\"'", "&lt;b&gt;&amp;\"'")])
def test_plain_text_as_html(text: str, html: str) -> None:
    assert to_html(text) == html


@given(st.text(st.characters(exclude_characters="\r")))
def test_a_text_sent_shows_as_it_was(text: str) -> None:
    html = to_html(text)
    assert "<" not in html.replace("<br>", "")
    assert Message(msg=html).text.rstrip("\n") == text.rstrip("\n")
