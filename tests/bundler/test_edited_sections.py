"""Each way in which an editor changes a bundle's lines -> the file that comes back, or an error."""

import json
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle
from lib.bundler.entry import Entry
from lib.bundler.unbundling.unbundle import unbundle

MODULE = """\
'''What it is.'''
from __future__ import (

    annotations,  # later
)
import operator

def tell():
    return '''one
two'''
"""
FILES = {
    "pack/__init__.py": b"",
    "pack/tell.py": MODULE.encode(),
    "pack/remarks.py": b"# nothing but this\n",
    "pack/quotes.txt": b"''' and \"\"\"\nmore\n",
    "pack/plain.txt": b"plain\nwords\n",
    "pack/blob.bin": bytes(range(256)),
    "pack/latin.py": "# coding: latin-1\nVALUE = 'é'\n".encode("latin-1"),
    "entry.py": b"from pack import latin, remarks, tell\nprint(tell.tell())\n",
}


@pytest.fixture
def text(tmp_path: Path) -> str:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return build_bundle(Entry(FILES["entry.py"], "entry.py", tmp_path)).text


def read(text: str | bytes) -> dict[str, bytes]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {each.path: each.content for each in unbundle(raw, "one.py").files}


def change(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_line_ends_and_mark_of_an_editor_change_no_file(text: str) -> None:
    assert read(text) == FILES
    assert read(text.replace("\n", "\r\n")) == FILES
    assert read("\ufeff" + text) == FILES
    assert read(text.rstrip("\n")) == FILES
    assert unbundle(text.encode(), "one.py").strays == ()


def test_a_bundle_in_a_cell_of_a_notebook_is_read(text: str) -> None:
    """As one text, or as the lines that Jupyter saves."""
    for source in (text.rstrip("\n"), text.splitlines(keepends=True)):
        cells = [{"cell_type": "markdown", "source": "# Mine"}]
        cells += [{"cell_type": "code", "source": each} for each in ("import os", source)]
        assert read(json.dumps({"cells": cells})) == FILES


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("    import operator\n", "", "pack/tell.py", MODULE.replace("import operator\n", "")),
        (
            "    import operator\n",
            "# left\n    import operator\n    # at its place\n\n",
            "pack/tell.py",
            MODULE.replace("import operator\n", "# left\nimport operator\n# at its place\n\n"),
        ),
        (
            "    import operator\n",
            "#   import operator\n#   from __future__ above\n",
            "pack/tell.py",
            MODULE.replace("import operator\n", "#   import operator\n#   from __future__ above\n"),
        ),
        (
            "#       annotations,  # later\n",
            "#       annotations, division,\n",
            "pack/tell.py",
            MODULE.replace("annotations,  # later", "annotations, division,"),
        ),
        ("#   )\n", "#   )\n# more\n", "pack/tell.py", MODULE.replace(")\nimp", ")\n# more\nimp")),
        ("return '''one\n", "return '''1\n", "pack/tell.py", MODULE.replace("one", "1")),
        ("if 0:\n    # nothing but", "if 0:\n    X = 1\n    # nothing but", "pack/remarks.py",
         "X = 1\n# nothing but this\n"),
        ("    # nothing but this\n", "", "pack/remarks.py", ""),
        ("    # nothing but this\n    pass  # no statement above\n",
         "    # nothing but this\n    pass  # no statement above\n    X = 1\n",
         "pack/remarks.py", "# nothing but this\nX = 1\n"),
        ("#   more\n", "#   more\n\n#   lines\n", "pack/quotes.txt",
         "''' and \"\"\"\nmore\n\nlines\n"),
        ("plain\nwords\n", "plain\n    # words\n", "pack/plain.txt", "plain\n    # words\n"),
    ],
)  # fmt: skip
def test_an_edited_section_is_the_edited_file(
    text: str, old: str, new: str, path: str, expected: str
) -> None:
    assert read(change(text, old, new)) == {**FILES, path: expected.encode()}


def test_an_edited_file_keeps_its_encoding_unless_it_declares_another(text: str) -> None:
    edited = change(text, "VALUE = 'é'", "VALUE = 'éè'")
    assert read(edited)["pack/latin.py"] == "# coding: latin-1\nVALUE = 'éè'\n".encode("latin-1")
    declared = change(edited, "# coding: latin-1\n", "# coding: utf-8\n")
    assert read(declared)["pack/latin.py"] == "# coding: utf-8\nVALUE = 'éè'\n".encode()
    with pytest.raises(InputError, match=r"one\.py:\d+: pack/latin\.py cannot be encoded.*cure"):
        read(change(text, "VALUE = 'é'", "VALUE = '日'"))


@pytest.mark.parametrize(
    ("old", "new", "line", "path"),
    [
        ("    import operator\n", "import operator\n", "import operator", "pack/tell.py"),
        ("        return '''one\n    two'''", "        return '''one\ntwo'''", "two'''",
         "pack/tell.py"),
        ("    import operator\n", "   import operator\n", "import operator", "pack/tell.py"),
        ("    import operator\n", "\timport operator\n", "import operator", "pack/tell.py"),
        ("#   more\n", "more\n", "more", "pack/quotes.txt"),
    ],
)  # fmt: skip
def test_a_line_left_of_its_section_is_named(
    text: str, old: str, new: str, line: str, path: str
) -> None:
    edited = change(text, old, new)
    number = next(n for n, each in enumerate(edited.split("\n"), 1) if each.strip() == line)
    with pytest.raises(InputError) as raised:
        read(edited)
    assert str(raised.value).startswith(f"unbundle: one.py:{number}: ")
    assert f"stands left of its section, {path}; cure: " in str(raised.value)


def test_what_is_in_no_file_is_told_with_its_line(text: str) -> None:
    edited = change(text, "# ==== pack/tell.py ", "import os\n\n# ==== pack/tell.py ")
    edited = change(edited, "r'''\nplain\n", "# above\nr'''\nplain\n")
    edited += "print('more')\n"
    found = unbundle(edited.encode(), "one.py")
    lines = edited.split("\n")
    assert [line for _, line in found.strays] == [lines[number - 1] for number, _ in found.strays]
    assert {line for _, line in found.strays} == {"import os", "# above", "print('more')"}
    assert read(edited) == FILES


def test_a_section_that_is_not_whole_is_named(text: str) -> None:
    for old, new, said in (
        ("# ==== pack/tell.py ", "# ", r"the first banner of pack/tell\.py is gone"),
        ("# ---- end of pack/tell.py ", "# ", r"the last banner of pack/tell\.py is gone"),
        ("r'''\nplain\n", "plain\n", r"the quotes around pack/plain\.txt are gone"),
        ('"""\nAAECAw', '"""\nAAECA', r"pack/blob\.bin cannot be read as base64"),
    ):
        with pytest.raises(InputError, match=rf"{said}.*cure") as raised:
            read(change(text, old, new))
        assert str(raised.value).startswith("unbundle: one.py")
    start, end = (text.index(f"# {mark} pack/tell.py ") for mark in ("====", "---- end of"))
    copy = text[start : text.index("\n", end)]
    with pytest.raises(InputError, match=r"stands twice, lines \d+ and \d+; cure: delete the copy"):
        read(text.replace(copy, f"{copy}\n{copy}"))
