"""The command line: a user's mistake is one or two lines that name the nearest right word."""

import json
from pathlib import Path

import pytest

import build
from lib.commands.book.entry_text import quote_text


def fail(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Words that must be refused -> what the user reads."""
    assert build.main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if not line.startswith("warning")]
    assert 1 <= len(lines) <= 2, told.err
    assert "Traceback" not in told.err
    return told.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--recipe", "firstseed"], "'first-seed'"),
        (["--set", "step=3"], "'steps'"),
        (["--set", "batch=many"], "a whole number"),
        (["--set", "batch"], "a whole number"),
        (["--minuts", "3"], "'--minutes'"),
        (["--epochs", "3"], "--set epochs=VALUE"),
        (["--learning-rate", "1e-3"], "--set lr=VALUE"),
        (["--version"], "see build.py build --help"),
        (["--minutes", "5m"], "--minutes VALUE"),
        (["--minutes", "0"], "out of range"),
        (["--seed", "x"], "a whole number"),
        (["--weights", "nowhere.pth"], "no such file"),
        (["rum"], "'run'"),
        (["nosuch"], "--help lists all"),
        (["run", "--output", "x"], "--input"),
        (["run", "--input", "no-such-folder", "--output", "x"], "no such file"),
        (["decode", "--input", "no-such-folder", "--output", "x"], "no-such-folder"),
        (["decode", "--input", ".", "--output", "x", "--policy", "offical"], "'official'"),
    ],
)
def test_mistakes_name_the_cure(
    capsys: pytest.CaptureFixture[str], words: list[str], named: str
) -> None:
    assert named in fail(capsys, *words)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--recipe", "none", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_help_and_a_command_is_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build.main(["help", "push"])
    assert "build.py push" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--help"]) == 0
    told = capsys.readouterr().out
    for name in build.COMMANDS:
        assert f"  {name} " in told
        assert build.load_command(name).name == name
        with pytest.raises(SystemExit) as end:
            build.main([name, "--help"])
        assert end.value.code == 0


@pytest.mark.parametrize("text", ["plain\n", 'ends "', 'a """ b', "back\\slash", "ä\n\n'x'", ""])
def test_quoted_texts_come_back(text: str) -> None:
    assert eval(quote_text(text)) == text


def test_the_committed_metadata_is_what_the_readme_promises() -> None:
    metadata = json.loads((Path(build.__file__).parent / "kernel-metadata.json").read_text())
    assert metadata["competition_sources"] == ["test-gan-competition"]
    assert metadata["code_file"] == "build/kernel.py"
    assert metadata["machine_shape"] == "NvidiaTeslaT4"
    assert metadata["enable_gpu"] is metadata["enable_internet"] is True
    for kind in ("dataset_sources", "kernel_sources", "model_sources"):
        assert metadata[kind] == []
