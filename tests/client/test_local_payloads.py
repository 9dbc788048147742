"""What the engine knows by name only."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.client.local_payloads import LocalPayloads


def test_bytes_are_kept_until_they_are_forgotten() -> None:
    vault = LocalPayloads()
    ref = vault.keep_file(b"PDF")
    assert vault.open_file(ref) == (b"PDF", None)
    vault.forget(ref)
    vault.forget(ref)
    with pytest.raises(LookupError):
        vault.open_file(ref)


def test_the_same_bytes_twice_are_two_files() -> None:
    vault = LocalPayloads()
    assert vault.keep_file(b"PDF") != vault.keep_file(b"PDF")


def test_a_path_is_found_by_another_process_in_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ref = LocalPayloads().keep_file("a.pdf")
    monkeypatch.chdir("/")
    assert LocalPayloads().open_file(ref) == (tmp_path / "a.pdf", None)


def test_form_values_are_a_copy() -> None:
    vault = LocalPayloads()
    values: dict[str, object] = {"card": "hunter2"}
    ref = vault.keep_values(values)
    values["card"] = "changed"
    assert vault.values(ref) == {"card": "hunter2"}
    assert "hunter2" not in ref


def test_only_needed_payloads_are_kept() -> None:
    vault = LocalPayloads()
    keep, drop, form = vault.keep_file(b"1"), vault.keep_file(b"2"), vault.keep_values({})
    vault.retain({keep, "file:/somewhere"})
    assert vault.open_file(keep) == (b"1", None)
    for lost in (lambda: vault.open_file(drop), lambda: vault.values(form)):
        with pytest.raises(LookupError):
            lost()


def test_a_progress_callback_is_dropped_with_its_file(tmp_path: Path) -> None:
    vault = LocalPayloads()

    def follow(done: int, size: int) -> None:
        """Never called here."""

    path, data = vault.keep_file(str(tmp_path / "a.pdf"), follow), vault.keep_file(b"1", follow)
    assert vault.open_file(path) == (tmp_path / "a.pdf", follow)
    assert vault.open_file(data)[1] is follow
    vault.retain({data})
    assert vault.open_file(path)[1] is None
    assert vault.open_file(data)[1] is follow
