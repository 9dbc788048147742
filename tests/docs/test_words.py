"""Replaced names and phrases do not come back, in code, documents and pages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.documents import ROOT

REPLACED = (
    r"[Ll]evel news",
    r"[Tt]ranscript news",
    r"NewsReader\b",
    r"MergedNews\b",
    r"LinkChanged\b",
    r"PostCourtesy\b",
    r"Asides\b",
    r"Draft\.(odd|tell)\b",
    r"(is_hasty|standing_back|is_calming|is_farewell|put_back|accounts_for)\b",
    r"CALMING\b",
    r"(Onlooker|Doer)\b",
    r"how it is held\b",
    r"is left alone, and so is\b",
    r"the least that anybody could do\b",
    r"what only should hold\b",
    r"come in a second\b",
    r"is not sent so\b",
    r"D2\.\d",
)
"""Names and phrases that standard terms have replaced; each begins with a word."""
KINDS = (".py", ".md", ".toml", ".html", ".js", ".css", ".mjs", ".json")
OLD_FORMS = (
    "tests/core/recorded/",
    "tests/codec/golden/",
    "tests/store/",
    "statemachine/codec/upgrades.py",
    "tests/docs/",
)
"""Recordings and readers of older versions use the old names, and so does this list."""


def texts() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    for name in listed.stdout.splitlines():
        if name.endswith(KINDS) and not name.startswith(OLD_FORMS) and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text("utf-8", errors="replace")


@pytest.mark.source_tree
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no working tree: a release's archive")
def test_replaced_words_do_not_come_back() -> None:
    words = re.compile(rf"\b(?:{'|'.join(REPLACED)})", re.IGNORECASE)  # \b once: each took a third of a second
    found = [f"{name}: {line.strip()}" for name, text in texts() for line in text.splitlines() if words.search(line)]
    assert found == []
