"""F36: HTML is neither shown raw nor trusted, and plain text leaves as HTML that shows the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.text import shown, to_html, to_plain
from statemachine.core.wire import Message


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("plain", "plain"),
        ("a &lt; b &amp;&nbsp;c", "a < b &\xa0c"),
        ("one<br>two<BR/>three<br />four", "one\ntwo\nthree\nfour"),
        ("<p>one</p><div class='x'>two</div>", "one\ntwo"),
        ('<b>bold</b> <a href="https://x/?a=1&b=2">link</a>', "bold link"),
        ("<script>alert(1)</script>safe<STYLE>p{}</style>", "safe"),
        ("<script>a<b</script>safe", "safe"),
        ("<script>never closed", ""),
        ("a<!-- <b>hidden</b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("i <3 you", "i <3 you"),
        ("<<b>>x", "<>x"),
        ("ends with <", "ends with <"),
        ("ends with <b", "ends with <b"),
        ("<img src=x onerror=alert(1)>", ""),
        ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ("&bogus; &#0; &", "&bogus; \ufffd &"),
    ],
)
def test_f36_the_text_of_a_fragment(fragment: str, text: str) -> None:
    assert to_plain(fragment) == text


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


@given(st.text(st.sampled_from("<>/!-&;#aAbrscipt \n")))
def test_f36_any_fragment_gives_text(fragment: str) -> None:
    assert isinstance(to_plain(fragment), str)
