"""The command line: exit status, one line for each error, extras that are missing."""

import subprocess
import sys

import click
import pytest

import statemachine as package
from statemachine.cli import main
from statemachine.cli.app import cli
from statemachine.cli.errors import say
from tests.cli.processes import statemachine, without


def test_help_names_the_commands_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("demo", "emulate", "replay", "store", "simulate", "diagrams", "Exit status"):
        assert word in shown


@pytest.mark.parametrize("name", ["chat", "demo", "doctor", "emulate", "replay", "store"])
def test_every_command_says_its_exit_status(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "Exit status" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert package.__version__ in capsys.readouterr().out


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "args", [["nonsense"], ["replay"], ["demo", "--scenario", "x"], ["--nonsense"], ["replay", "-x"]]
)
def test_wrong_usage_is_one_line(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "--help" in captured.err


def test_what_was_typed_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["\x1b[31mred\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["one\ntwo", "one\nstatemachine: two", "\x1b[31mone\n\x1b[2Ktwo\r"])
def test_further_lines_of_a_message_are_indented(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("statemachine: ")
    assert second.startswith("  ")
    assert "\x1b" not in first + second


def test_the_errors_of_a_harness_are_shown_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--", sys.executable, "-c", "raise ValueError('own words')"]) == 2
    shown = capsys.readouterr().err
    assert "\n  ValueError: own words\n" in shown
    assert "\\n" not in shown


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "NaN"])
@pytest.mark.parametrize(
    "command",
    [["emulate", "--pace"], ["emulate", "--speed"], ["demo", "--pace"], ["run", "x.toml", "--rate"]],
    ids=" ".join,
)
def test_a_number_that_is_not_finite_is_wrong_usage(
    command: list[str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, number]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"'{command[-1]}'" in err


def _broken(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(type(cli), "get_command", lambda *_: _broken(KeyError("some\n\x1bthing")))
    return monkeypatch


@pytest.mark.usefixtures("broken")
def test_an_unexpected_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "KeyError" in captured.err
    assert "--debug" in captured.err
    assert "\x1b" not in captured.err


@pytest.mark.usefixtures("broken")
def test_debug_shows_where_it_came_from() -> None:
    with pytest.raises(KeyError):
        main(["demo", "--debug"])


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (click.Abort(), 130), (click.exceptions.Exit(1), 1), (click.ClickException("no"), 1)],
)
def test_other_ends(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(cli), "get_command", lambda *_: _broken(error))
    assert main(["demo"]) == status
    assert "Traceback" not in capsys.readouterr().err


def test_as_a_module() -> None:
    done = statemachine("--version")
    assert done.returncode == 0
    assert package.__version__.encode() in done.stdout


# --- extras ---------------------------------------------------------------------------------------------------------


def test_importing_it_needs_no_extra() -> None:
    code = "import sys, statemachine.cli; sys.exit(any(m in sys.modules for m in ('click', 'rich', 'aiohttp')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("lacking", "args", "extra"),
    [
        ({"click", "rich", "aiohttp"}, ["demo"], "cli"),
        ({"click"}, ["--help"], "cli"),
        ({"rich"}, ["replay", "x"], "cli"),
        ({"aiohttp"}, ["demo"], "http"),
        ({"aiohttp"}, ["emulate", "--port", "0"], "http"),
        ({"aiohttp"}, ["conform", "--client", "--", "x"], "http"),
    ],
)
def test_a_missing_extra_is_named(lacking: set[str], args: list[str], extra: str) -> None:
    done = without(lacking, *args)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert f'pip install "chat-session-statemachine[{extra}]"'.encode() in done.stderr


def test_what_needs_no_network_works_without_its_extra() -> None:
    done = without({"aiohttp", "yarl"}, "--help")
    assert done.returncode == 0
    assert b"demo" in done.stdout


def test_what_only_lists_the_kit_needs_neither_network_nor_hypothesis() -> None:
    done = without({"aiohttp", "yarl", "hypothesis"}, "conform", "--list", "--only", "F13")
    assert done.returncode == 0
    assert b"fault/F13" in done.stdout
