"""The sources of rules in words: they name sections that exist."""

import re

import pytest

from statemachine.core.tables import MACHINES
from statemachine.sources import in_words, places
from tests.docs.documents import ROOT

PACKAGE = ROOT / "statemachine"
REFS = {row.ref for machine in MACHINES.values() for row in machine.rows if row.ref}


@pytest.mark.source_tree
def test_each_source_of_a_row_is_a_place_that_exists():
    for link in {link for ref in REFS for _, link in places(ref)}:
        page, _, anchor = link.partition("#")
        headings = re.findall(r"^#+ (.*)$", (PACKAGE / page).read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}, link


def test_sources_are_words():
    assert in_words("6.1; 8 F27; design 8") == (
        "Inactivity (6.1); Faults of clients (8, F27); engine guide, design decision 8"
    )
    assert in_words("") == ""
    assert in_words("several clients") == "several clients"
    assert places("6.1") == [("Inactivity (6.1)", "protocol.md#61-inactivity")]
