"""F36: the plain text of a message keeps what people read, and what is no HTML stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.core.plain_text import plain_text
from tests.growth import grows_linearly


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("plain", "plain"),
        ("a &lt; b &amp;&nbsp;c", "a < b &\xa0c"),
        ("a &amp;lt;b&amp;gt; c", "a &lt;b&gt; c"),
        ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ("&bogus; &#0; &", "&bogus; \ufffd &"),
        ("AT&T &copy 2026", "AT&T © 2026"),
        ("<b>bold</b> and m<sup>2</sup>", "bold and m2"),
        ("<script>alert(1)</script>safe<STYLE>p{}</style>", "safe"),
        ("<script>a<b</script>safe", "safe"),
        ("<title>x</title>y", "y"),
        ("a<!-- <b>hidden</b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("<![CDATA[x]]>y", "xy"),
        ('<?xml version="1.0"?><!DOCTYPE html><b>x</b>', "x"),
        ("<img src=x onerror=alert(1)>", ""),
        ('<o:p>&nbsp;</o:p><span style="x">hi</span>', "\xa0hi"),
        ("<<b>>x</b>", "<>x"),
        ("a<!-->b<!--->c<!----!>d", "abcd"),
        ("<![if !supportLists]>- <![endif]>item", "- item"),
        ("<svg viewBox='0 0 1 1'><path d='M0'/></svg>x", "x"),
        ("<![CDATA[a &lt; b]]>", "a &lt; b"),
    ],
)
def test_markup_is_dropped_and_entities_are_resolved(fragment: str, text: str) -> None:
    assert plain_text(fragment) == text


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("one<br>two<BR/>three<br />four", "one\ntwo\nthree\nfour"),
        ("<p>one</p><div class='x'>two</div>", "one\ntwo"),
        ("one<div>two</div><div>three</div>", "one\ntwo\nthree"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("<h1>title</h1>text", "title\ntext"),
        ("a<hr>b", "a\nb"),
        ("<blockquote>q</blockquote>a", "q\na"),
        ("<pre>x\n  y</pre>z", "x\n  y\nz"),
        ("<p>\n   one\n</p>\n<p>\n two</p>", "one\ntwo"),
        ("<ul><li>one</li><li>two<ul><li>two a</li></ul></li></ul>after", "- one\n- two\n  - two a\nafter"),
        ("<ol><li>open</li><li>close</li></ol>", "1. open\n2. close"),
        ("<ol start=3><li>c<li>d</ol>", "3. c\n4. d"),
        ("<ol><li><p>open</p></li></ol>", "1. open"),
        (
            "<table><tr><td>Mon</td><td>9-5</td></tr><tr><th>Tue</th><td>closed</td></tr></table>",
            "Mon\t9-5\nTue\tclosed",
        ),
        # Office programs put a paragraph into each cell, and editors indent the source.
        (
            "<table><tr><td><p>Mon</p></td><td><p>9-5</p></td></tr><tr><td><p>Tue</p></td><td>-</td></tr></table>",
            "Mon\t9-5\nTue\t-",
        ),
        (
            "<table>\n <tr>\n  <td>a</td>\n\t<td>b</td>\n </tr>\n <tr>\n  <td>c</td>\n </tr>\n</table>",
            "a\tb\nc",
        ),
        ("<tr><td></td><td>b</td></tr><tr><td>c<td><tr><td>d", "\tb\nc\t\nd"),
        ("<td>a</td><td><p></p></td><td>c</td>", "a\t\tc"),
        ("<b>Name:</b> <div>Ann</div>", "Name:\nAnn"),
        ("a<br />\nb<br>\n  c", "a\nb\nc"),
        ("<ol start='-1'><li>a</li><li value=9>b</li><li>c</li></ol>", "-1. a\n9. b\n10. c"),
        ("<ul><li></li><li>x</li></ul>", "- \n- x"),
        ("<menu><li>a<li>b</menu>", "- a\n- b"),
        ("<button>Yes</button><button>No</button>", "Yes\nNo"),
    ],
)
def test_lines_lists_and_cells_are_kept(fragment: str, text: str) -> None:
    assert plain_text(fragment) == text


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ('pay <a href="https://pay.test/i/991">here</a> today', "pay here (https://pay.test/i/991) today"),
        ('<a href="https://x/?a=1&amp;b=2">link</a>', "link (https://x/?a=1&b=2)"),
        ('<a href="https://x.test">https://x.test</a>', "https://x.test"),
        ('<a href="https://www.x.test/">x.test</a>', "x.test"),
        ('<a href="mailto:ann@x.test">ann@x.test</a>', "ann@x.test"),
        ('<a href="https://x.test/p"></a>', "https://x.test/p"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ('<a href="java&#115;cript:alert(1)">here</a>', "here"),
        ('<a href="https&#58;//x.test/p">here</a>', "here (https://x.test/p)"),
        ('<a href=" https://x.te\nst/\tp ">here</a>', "here (https://x.test/p)"),
        ("<a href=https://x.test/p?a=1&b=2>here</a>", "here (https://x.test/p?a=1&b=2)"),
        ('<a href="https://x.test/p"><div>Pay</div><div>now</div></a>then', "Pay\nnow (https://x.test/p)\nthen"),
        ('<a name="top">here</a>', "here"),
        ('<a href="https://x.test/p"><img alt="map" src="m.png"></a>', "map (https://x.test/p)"),
        ('look: <img src="https://x.test/a.png" alt="floor plan">', "look: floor plan"),
        ('ok <img class="emoji" alt="😀" src="e.png"> bye', "ok 😀 bye"),
    ],
)
def test_link_targets_and_alternative_texts_are_kept(fragment: str, text: str) -> None:
    assert plain_text(fragment) == text


@pytest.mark.parametrize(
    "text",
    [
        "1 < 2 and 3 > 2",
        "i <3 you",
        "toner <10%, then notify",
        "ends with <",
        "ends with <b",
        "From: Ann <ann@example.com> hi",
        "see <https://x.test/path> ok",
        "List<String> and Map<K,V> x",
        "a <b and c> d",
        "if a <b> c then",
        "run ./test.sh <id> -U <name> please",
        "<custom-element>kept</custom-element>",
        "see <title> below",
        "cp <source> <link>, then <input>",
        "tool <option> file",
        "<script>never closed",
        "std::vector<my:type>",
        "<- back ->",
        "line one\n  line two",
    ],
)
def test_text_that_is_no_html_stays(text: str) -> None:
    assert plain_text(text) == text


@given(st.text(st.sampled_from("<>/!-&;#aAbrscipt \n='\"")))
def test_any_fragment_gives_text(fragment: str) -> None:
    assert isinstance(plain_text(fragment), str)


@pytest.mark.parametrize(
    "shape",
    [
        ("<a '", 20_000, ""),
        ("<a x='<a y=\"", 10_000, ""),
        ("<a href='http://x'>", 8_000, "</a>" * 8_000),
        ("<ul><li>", 8_000, ""),
        ("<div><p>", 8_000, ""),
        ("<!--", 20_000, ""),
        ("</script><script>", 8_000, ""),
        ("<td><p>x</p></td>", 5_000, ""),
        ("<b> </b>", 8_000, "<p>"),
        ("<![if ", 15_000, ""),
        ("<a a a ", 15_000, "</a>"),
        ("&#1", 20_000, ""),
    ],
    ids=lambda shape: shape[0],
)
def test_time_grows_with_the_length_only(shape: tuple[str, int, str]) -> None:
    part, count, end = shape
    assert grows_linearly(lambda size: part * size + end, plain_text, count)
