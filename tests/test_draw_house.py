"""docs/DESIGN.md shows the files and imports that are there; a made-up tree shows what is drawn."""

from pathlib import Path

import pytest

from tests import draw_house
from tests.draw_house import COMMAND, DESIGN, ROOT, draw, leave_out_implied, main

FILES = {
    "build.py": '"""Words -> a command."""\nfrom lib.commands.go import go\n',
    "kernel_template/entry.py.j2": '{# The run. #}\nCONFIG = {{ config }}\n',
    "lib/base/__init__.py": '"""Small helpers.\n\nThey stand\nalone."""\n',
    "lib/base/files.py": '"""Bytes -> a file."""\n',
    "lib/kaggle/push.py": '"""A file -> Kaggle."""\nfrom lib.base.files import write\n',
    "lib/commands/go.py": '"""Words -> all."""\nimport lib.base.files\nimport lib.kaggle.push\n',
    "tests/small.py": '"""Few keys."""\n',
    "tests/test_small.py": '"""Not listed."""\n',
    "tests/base/test_files.py": '"""Not listed either."""\n',
    DESIGN: f"Ours.\n<!-- tree: written by `{COMMAND}` -->\n<!-- end of tree -->\n"
    f"Ours too.\n<!-- rooms: written by `{COMMAND}` -->\n<!-- end of rooms -->\nAnd this.\n",
}  # fmt: skip


def write_files(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_the_design_shows_what_is_there() -> None:
    text = (ROOT / DESIGN).read_text(encoding="utf-8")
    assert draw(ROOT, text) == text, f"{DESIGN} is out of date: {COMMAND}"
    assert text.count("\n```mermaid\n") == 1
    block = text.partition("```text\n")[2].partition("```")[0]
    assert max(map(len, block.splitlines())) < 130


def test_a_made_up_tree_is_drawn(tmp_path: Path) -> None:
    lines = draw(write_files(tmp_path, FILES), FILES[DESIGN]).splitlines()
    assert lines[1:18] == [
        f"<!-- tree: written by `{COMMAND}` -->",
        "```text",
        "build.py              Words -> a command.",
        "kernel-metadata.json  What `kaggle kernels push` reads.",
        "kernel_template/      Entry and report (jinja2), the board, and the bundle's runtime.",
        "  entry.py.j2         The run.",
        "lib/                  All that is imported.",
        "  base/               Small helpers.",
        "    files.py          Bytes -> a file.",
        "  commands/",
        "    go.py             Words -> all.",
        "  kaggle/",
        "    push.py           A file -> Kaggle.",
        "tests/                pytest, in the folders of lib.",
        "  small.py            Few keys.",
        "  base/               Tests of lib/base.",
        "```",
    ]
    assert [line for line in lines if "-->" in line and "<" not in line] == [
        "  build_py --> commands",
        "  commands --> kaggle",
        "  kaggle --> base",
    ]
    assert (lines[0], lines[19], lines[-1]) == ("Ours.", "Ours too.", "And this.")
    assert "  class build_py,commands,kaggle stays" in lines


def test_a_new_file_and_a_new_import_change_the_text(tmp_path: Path) -> None:
    before = draw(write_files(tmp_path, FILES), FILES[DESIGN])
    write_files(tmp_path, {"lib/bundler/bundle.py": '"""Modules -> one."""\n'})
    with_file = draw(tmp_path, before)
    assert "    bundle.py         Modules -> one.\n" in with_file
    assert "bundler[" not in with_file
    more = "import lib.bundler.bundle\n"
    write_files(tmp_path, {"lib/commands/go.py": FILES["lib/commands/go.py"] + more})
    with_import = draw(tmp_path, with_file)
    assert set(with_import.splitlines()) - set(with_file.splitlines()) == {
        "  bundler[bundler]",
        "  commands --> bundler",
        "  class build_py,bundler,commands,kaggle stays",
    }


def test_an_import_that_breaks_the_rule_is_named_and_not_drawn(tmp_path: Path) -> None:
    files = FILES | {"lib/base/files.py": '"""Bytes -> a file."""\nimport lib.kaggle.push\n'}
    text = draw(write_files(tmp_path, files), FILES[DESIGN])
    assert "base --> kaggle" not in text
    assert "base → kaggle." in text


def test_an_arrow_that_others_imply_is_left_out() -> None:
    chain = {("a", "b"), ("b", "c"), ("c", "d")}
    assert leave_out_implied(chain | {("a", "c"), ("a", "d"), ("b", "d")}) == chain
    assert leave_out_implied(chain | {("a", "e"), ("e", "d")}) == chain | {("a", "e"), ("e", "d")}


def test_the_check_names_the_cure_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(draw_house, "ROOT", write_files(tmp_path, FILES))
    assert main(["--check"]) == 1
    assert f"cure: {COMMAND}" in capsys.readouterr().err
    assert (tmp_path / DESIGN).read_text() == FILES[DESIGN]
    assert main([]) == 0
    assert main(["--check"]) == 0
