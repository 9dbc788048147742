"""Ids may differ, if they are used consistently."""

from __future__ import annotations

from statemachine.conformance.ids import IdMap, with_replaced_texts


def test_equal_ids_need_no_translation() -> None:
    names = IdMap()
    command = {"type": "post", "id": 4, "item": "o:3"}
    assert names.bind(command, command) is None
    assert names.to_subject(command) is command
    assert names.to_reference(command) is command


def test_what_is_bound_stands_for_the_other_wherever_it_is_mentioned() -> None:
    names = IdMap()
    assert names.bind({"id": 4, "item": "o:3"}, {"id": 70, "item": "x-1"}) is None
    echo = {"type": "answered", "command": 4, "reply": {"entries": [{"msg_id": "o:3"}, {"msg_id": "o:30"}]}}
    assert names.to_subject(echo) == {
        "type": "answered",
        "command": 70,
        "reply": {"entries": [{"msg_id": "x-1"}, {"msg_id": "o:30"}]},
    }
    assert names.to_reference({"id": 70, "item": "x-1", "timeout": 70}) == {"id": 4, "item": "o:3", "timeout": 70}


def test_a_clash_of_ids_is_told_with_both_contents() -> None:
    names = IdMap()
    assert names.bind({"id": 4}, {"id": 7, "type": "poll"}) is None
    assert names.bind({"id": 4}, {"id": 8, "type": "poll"}) == (
        'one thing has two of id: {"id": 7, "type": "poll"}, and {"id": 8, "type": "poll"}'
    )
    assert names.bind({"id": 5}, {"id": 7, "type": "post"}) == (
        'id 7 stands for two things: {"id": 7, "type": "poll"}, and {"id": 7, "type": "post"}'
    )


def test_an_id_of_another_kind_is_left_to_the_comparison() -> None:
    assert IdMap().bind({"id": 4}, {"id": "4"}) is None
    assert IdMap().bind({"id": 4}, {}) is None


def test_only_texts_are_renamed() -> None:
    assert with_replaced_texts([1, "1", None, {"a": "1"}], {"1": "2"}) == [1, "2", None, {"a": "2"}]
