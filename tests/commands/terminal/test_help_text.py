"""--help: a sentence, examples that work, then each option with its default and unit."""

import argparse
import re
import shlex

import pytest

import build
from lib.commands.kernel_options import list_settings
from lib.commands.options import Command, asks_for_list, make_parser
from lib.commands.terminal.help_text import GROUPS, Parser
from lib.kernel.curation.curate import DEFAULT_ROUNDS

# The words that say what a number counts; a seed counts nothing.
UNITS = ("rows", "records", "rounds", "s", "min")
UNITLESS = {"--seed"}
COMMANDS = [build.load_command(name) for name in build.COMMANDS]
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def list_options(command: Command) -> list[argparse.Action]:
    return make_parser(command)._actions


@each_command
def test_its_examples_are_command_lines_that_it_takes(command: Command) -> None:
    assert 2 <= len(command.examples) <= 4
    for text, what in command.examples:
        name, *words = shlex.split(text)
        assert name == command.name
        assert what
        if asks_for_list(words):
            assert list_settings(make_parser(command), words).text
        else:
            assert make_parser(command).parse_args(words)


@each_command
def test_help_is_a_sentence_then_examples_then_options_in_groups(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = make_parser(command).format_help()
    sentence, rest = shown.split("\n\nexamples:\n")
    assert re.fullmatch(r"[A-Z][^\n]+\.", sentence)
    examples, rest = rest.split(f"\nusage: build.py {command.name} ")
    assert examples.count("  python build.py ") == len(command.examples)
    titles = re.findall(r"^(\S[^\n]*):$", rest, re.MULTILINE)
    assert titles == [title for title in GROUPS if title in titles]
    assert titles[-1] == "more"
    grouped = {name for group in make_parser(command)._action_groups for name in (group.title,)}
    assert grouped <= {*GROUPS, "positional arguments", "options"}
    for action in list_options(command):
        assert action.container.title in GROUPS, action.option_strings  # type: ignore[attr-defined]


@each_command
def test_each_option_says_what_it_does_its_default_and_its_unit(command: Command) -> None:
    for action in list_options(command):
        name = [action.metavar, *action.option_strings][-1]
        assert action.help, name
        if action.default not in (None, False, [], argparse.SUPPRESS):
            default = f"{action.default:g}" if isinstance(action.default, float) else action.default
            assert f"(default: {default}" in action.help, name
        is_number = action.type in (int, float) or name in ("--minutes", "--seed", "--records")
        if is_number and name not in UNITLESS:
            assert re.search(rf"\(default: [\d,.]+ ({'|'.join(UNITS)})\)", action.help), name


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_are_no_longer_than_the_terminal_but_for_an_example(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert build.main(["--help"]) == 0
    shown = capsys.readouterr().out + "".join(make_parser(one).format_help() for one in COMMANDS)
    long = [line for line in shown.splitlines() if len(line) > columns]
    assert [line for line in long if not line.startswith("  python build.py ")] == []


def test_help_without_a_terminal_is_a_hundred_columns_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = make_parser(build.load_command("push")).format_help()
    assert 90 < max(map(len, shown.splitlines())) <= 100


def test_the_rounds_of_curate_are_those_of_the_curation() -> None:
    """Its help does not import the curation, which needs torch."""
    shown = make_parser(build.load_command("curate")).format_help()
    assert f"(default: {DEFAULT_ROUNDS} rounds)" in shown


def test_the_list_of_commands_has_groups_and_the_daily_three_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build.main(["--help"]) == 0
    shown = capsys.readouterr().out
    daily = re.findall(r"^  python build\.py(.*?)(?:  |$)", shown, re.MULTILINE)
    assert [shlex.split(text)[:1] for text in daily] == [[], ["push"], ["submit"]]
    for text in daily:
        name, *words = [*shlex.split(text), "build"] if not text else shlex.split(text)
        assert make_parser(build.load_command(name)).parse_args(words)
    titles = ["on this machine:", "on Kaggle:", "measure:", "more:"]
    assert [line for line in shown.splitlines() if line in titles] == titles
    assert "--set help" in shown
    assert "--recipe help" in shown


def test_a_parser_without_examples_shows_none() -> None:
    assert "examples" not in Parser("build.py x", "Do x.").format_help()
