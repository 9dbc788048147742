"""Recorded traces whose behaviour was changed on purpose: each is compared up to the step that the change concerns."""

from __future__ import annotations

from typing import Final

DENIED: Final = (
    "traces.jsonl: vector lifecycle/ended-and-more/message-read",
    "traces.jsonl: vector lifecycle/requesting-and-more/answer-form-queue-is-full",
    "traces.jsonl: story 11 types_into_trouble",
    "traces.jsonl: simulation 194 (2)",
    "more.jsonl.gz: story 14 is_queued_while_it_disconnects",
    "more.jsonl.gz: story 13 finds_an_agent_in_the_log",
    "more.jsonl.gz: vector lifecycle/establishing-and-more/status-connected-has-agent (2)",
    "more.jsonl.gz: vector lifecycle/requesting-and-more/answer-form-queue-is-full (2)",
    "more.jsonl.gz: story 24 is_refused_twice",
    "more.jsonl.gz: story 5 <lambda>",
    "more.jsonl.gz: simulation 111",
    "more.jsonl.gz: story 19 <lambda>",
    "more.jsonl.gz: vector fault/F31/one-answer-a-form",
    "more.jsonl.gz: simulation 29",
    "more.jsonl.gz: walk 675",
    "more.jsonl.gz: test_opening.py::test_merge_over_a_gap_says_so",
    "more.jsonl.gz: simulation 26 (2)",
    "more.jsonl.gz: test_found.py::test_what_the_window_has_forgotten_may_come_back_but_not_what_it_knows[False]",
    "more.jsonl.gz: simulation 35",
    "more.jsonl.gz: test_link.py::test_reauthorized_goes_on_where_it_stopped",
    "more.jsonl.gz: simulation 79 (2)",
    "more.jsonl.gz: simulation 2",
    "more.jsonl.gz: simulation 6",
)
""""No such chat" to a call beside the poll raises a doubt only; the poll decides (design 2.13)."""
REJECTED_POLL: Final = (
    "traces.jsonl: walk 338",
    "traces.jsonl: walk 297",
    "traces.jsonl: walk 404",
    "traces.jsonl: vector link/polling/poll-rejected (2)",
    "traces.jsonl: story 31 is_refused_for_no_reason",
    "traces.jsonl: walk 294",
    "traces.jsonl: walk 224",
    "traces.jsonl: walk 599",
    "more.jsonl.gz: walk 297",
    "more.jsonl.gz: walk 404",
    "more.jsonl.gz: walk 599",
    "more.jsonl.gz: walk 925",
    "more.jsonl.gz: walk 338",
)
"""A poll that is refused for no known reason is tried again; it blocks nothing (design 2.14)."""
REPORTED_OPENING: Final = ("more.jsonl.gz: walk 468",)
"""Failures are reported while a chat is being requested (`ConnectionChanged`)."""
REJECTED_HISTORY: Final = (
    "traces.jsonl: walk 182",
    "more.jsonl.gz: walk 225",
    "more.jsonl.gz: walk 890",
    "more.jsonl.gz: walk 285",
    "more.jsonl.gz: walk 141",
    "more.jsonl.gz: test_link.py::test_end_gives_a_blocked_link_one_more_try",
    "more.jsonl.gz: walk 340",
    "more.jsonl.gz: walk 33",
    "more.jsonl.gz: walk 1095",
    "more.jsonl.gz: walk 1024",
    "more.jsonl.gz: walk 116",
    "more.jsonl.gz: walk 3",
    "more.jsonl.gz: walk 559",
    "more.jsonl.gz: walk 556",
    "more.jsonl.gz: walk 948",
    "more.jsonl.gz: walk 198",
    "more.jsonl.gz: walk 1",
    "more.jsonl.gz: walk 1181 (2)",
    "more.jsonl.gz: walk 667",
    "more.jsonl.gz: walk 569",
    "more.jsonl.gz: walk 2",
    "more.jsonl.gz: walk 260",
    "more.jsonl.gz: walk 877",
    "more.jsonl.gz: test_room.py::test_an_answer_under_way_outlives_the_expiry",
    "more.jsonl.gz: walk 1049",
    "more.jsonl.gz: walk 146",
    "more.jsonl.gz: walk 457",
    "more.jsonl.gz: walk 104",
    "more.jsonl.gz: walk 456",
)
"""Only rejections of the history count towards its limit, and an unreadable one is a rejection (design 2.14)."""

MANY_ANOMALIES: Final = ("traces.jsonl: test_bounds.py::test_what_the_server_opens_is_limited[parties]",)
"""A step reports 32 anomalies one by one, and the rest as one."""

UNAWAITED_LOG: Final = ("more.jsonl.gz: walk 154", "more.jsonl.gz: walk 969")
"""A log that nobody awaits may be an old one: where it knows nothing of the window, it reports no gap."""

CLOSED_PROMPT: Final = ("traces.jsonl: walk 232",)
"""A question of the scenario whose answer failed is closed: the echo of one answer names no text."""

HISTORY_AT_ONCE: Final = (
    "more.jsonl.gz: simulation 3",
    "more.jsonl.gz: vector lifecycle/ending/answer-form",
    "more.jsonl.gz: vector lifecycle/wrapping_up/disconnect",
    "more.jsonl.gz: walk 1021",
    "more.jsonl.gz: walk 1040",
    "more.jsonl.gz: walk 106",
    "more.jsonl.gz: walk 113",
    "more.jsonl.gz: walk 1144",
    "more.jsonl.gz: walk 119",
    "more.jsonl.gz: walk 122",
    "more.jsonl.gz: walk 194",
    "more.jsonl.gz: walk 204",
    "more.jsonl.gz: walk 228",
    "more.jsonl.gz: walk 266",
    "more.jsonl.gz: walk 279 (2)",
    "more.jsonl.gz: walk 38 (2)",
    "more.jsonl.gz: walk 418 (2)",
    "more.jsonl.gz: walk 496",
    "more.jsonl.gz: walk 515",
    "more.jsonl.gz: walk 562",
    "more.jsonl.gz: walk 567 (2)",
    "more.jsonl.gz: walk 6",
    "more.jsonl.gz: walk 604",
    "more.jsonl.gz: walk 622",
    "more.jsonl.gz: walk 658 (2)",
    "more.jsonl.gz: walk 66",
    "more.jsonl.gz: walk 671",
    "more.jsonl.gz: walk 682",
    "more.jsonl.gz: walk 705 (2)",
    "more.jsonl.gz: walk 707",
    "more.jsonl.gz: walk 716",
    "more.jsonl.gz: walk 780",
    "more.jsonl.gz: walk 847",
    "more.jsonl.gz: walk 851",
    "more.jsonl.gz: walk 864",
    "more.jsonl.gz: walk 89",
    "more.jsonl.gz: walk 896",
    "more.jsonl.gz: walk 906",
    "more.jsonl.gz: walk 913",
    "more.jsonl.gz: walk 934",
    "more.jsonl.gz: walk 941",
    "more.jsonl.gz: walk 970 (2)",
    "traces.jsonl: vector history/reading/history-wanted (2)",
    "traces.jsonl: walk 1021",
    "traces.jsonl: walk 106",
    "traces.jsonl: walk 279",
    "traces.jsonl: walk 38",
    "traces.jsonl: walk 515",
    "traces.jsonl: walk 622",
    "traces.jsonl: walk 762",
)
"""`Foreground` ends a pause before a reading of the history, as it ends one before a poll."""

CHANGED: Final = frozenset({
    *DENIED, *REJECTED_POLL, *REPORTED_OPENING, *REJECTED_HISTORY, *MANY_ANOMALIES, *UNAWAITED_LOG, *CLOSED_PROMPT,
    *HISTORY_AT_ONCE,
})  # fmt: skip
