"""The frame and the colours that all pages share."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from statemachine.pages import STYLE, framed
from tests.diagrams.reading import contrast

PAIRS = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", STYLE.read_text("utf-8")))
PLAIN = ("paper", "ground", "main-soft", "good-soft", "warn-soft", "bad-soft")
PHASES = ("waiting", "talking", "closing", "over")


TEXTS = (
    *((ground, ink) for ground in PLAIN for ink in ("ink", "soft")),
    *((ground, "ink") for ground in PHASES),
    ("main", "main-ink"),
    *((f"{mood}-soft", mood) for mood in ("main", "bad", "warn")),
    *(("paper", mood) for mood in ("main", "bad", "warn", "good")),
)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_each_text_can_be_read_on_its_ground(scheme: int) -> None:
    for ground, ink in TEXTS:
        assert contrast(PAIRS[ground].split(", ")[scheme], PAIRS[ink].split(", ")[scheme]) >= 4.5, (ground, ink)


def hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_a_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = framed("<b>A title", "<p>text</p>", style="p { margin: 0 }", script="page.h('p')", connect_src="'self'")
    style = page.partition("<style>")[2].partition("</style>")[0]
    script = page.partition("<script>")[2].partition("</script>")[0]
    assert style.endswith("p { margin: 0 }")
    assert script.endswith("page.h('p')")
    policy = page.partition('Policy" content="')[2].partition('"')[0]
    assert policy == (
        f"default-src 'none'; style-src {hashed(style)}; script-src {hashed(script)}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "<title>&lt;b&gt;A title</title>" in page
    assert "<script" not in framed("title", "<p>text</p>")
