"""F36: HTML is neither shown raw nor trusted, and plain text leaves as HTML that shows the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.text import shown, to_html, to_plain
from statemachine.core.wire import Message


def test_f36_what_to_show_is_the_senders_plain_text_if_there_is_one() -> None:
    assert shown(Message(msg="<b>x</b>", msg_text="y <b>")) == "y <b>"
    assert shown(Message(msg="<b>x</b>", msg_text="")) == ""
    assert shown(Message(msg="<b>x</b>")) == "x"


@pytest.mark.parametrize(("text", "html"), [("a\nb\r\nc\rd", "a<br>b<br>c<br>d"), ("<b>&\"'", "&lt;b&gt;&amp;\"'")])
def test_plain_text_as_html(text: str, html: str) -> None:
    assert to_html(text) == html


@given(st.text(st.characters(exclude_characters="\r")))
def test_a_text_sent_shows_as_it_was(text: str) -> None:
    html = to_html(text)
    assert "<" not in html.replace("<br>", "")
    assert to_plain(html).rstrip("\n") == text.rstrip("\n")
