"""The table of --analyze: each file's bytes, what brought it in, totals and Kaggle's limit."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.bundler.bundle import Bundle, build_bundle, find_contents
from lib.bundler.entry import Entry
from lib.bundler.size_table import measure_files, show_sizes
from tests.bundler.installed import install

FILES = {
    "train.py": "import sys\n\nfrom net.model import Model\n\nprint(Model)\n",
    "net/__init__.py": "",
    "net/model.py": "from net import layers\nfrom tools import pad\n\n\nclass Model:\n    x = 1\n",
    "net/layers.py": "def grow():\n    return 2\n" * 20,
    "net/weights.bin": b"\x00\xff" * 300,
    "net/words.txt": "one\ntwo\n",
    "tools.py": "def pad():\n    return 3\n",
    "plugins/extra.py": "y = 4\n",
}


def analyse(folder: Path, include: tuple[str, ...] = ()) -> tuple[Bundle, dict[str, Any]]:
    for path, content in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / path).write_bytes(raw)
    entry = Entry((folder / "train.py").read_bytes(), "train.py", folder, include)
    bundle = build_bundle(entry)
    inputs = bundle.manifest["inputs"]
    return bundle, measure_files(find_contents(entry), inputs, bundle.text)


def test_each_file_has_its_bytes_and_the_import_that_brought_it_in(tmp_path: Path) -> None:
    bundle, sizes = analyse(tmp_path, ("plugins.extra",))
    brought = {one["path"]: one["brought_by"] for one in sizes["files"]}
    assert brought == {
        "train.py": "",
        "net/__init__.py": "train.py:3",
        "net/model.py": "train.py:3",
        "net/layers.py": "net/model.py:1",
        "tools.py": "net/model.py:2",
        "net/weights.bin": "data of net",
        "net/words.txt": "data of net",
        "plugins/extra.py": "--include",
    }
    for one in sizes["files"]:
        assert one["bytes"] == (tmp_path / one["path"]).stat().st_size
        assert one["share"] == one["script_bytes"] / len(bundle.text.encode())
    order = [one["bytes"] for one in sizes["files"]]
    assert order == sorted(order, reverse=True)


def test_a_file_that_no_import_brings_says_what_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, program = tmp_path / "site-packages", tmp_path / "program"
    install(site, "thing", {"thing.py": "x = 1\n"})
    monkeypatch.syspath_prepend(str(site))
    program.mkdir()
    for name in ("page.html", "config.json", "asked.txt"):
        (program / name).write_text("{}\n")
    text = (
        "from pathlib import Path\nimport thing\n\nPath(__file__).with_name('page.html').open()\n"
    )
    options = {"vendor": ("thing",), "cwd": ("config.json",), "include": ("./asked.txt",)}
    entry = Entry(text, "main.py", program, **options)  # type: ignore[arg-type]
    made = build_bundle(entry)
    sizes = measure_files(find_contents(entry), made.manifest["inputs"], made.text)
    assert {one["path"]: one["brought_by"] for one in sizes["files"]} == {
        "main.py": "",
        "page.html": "main.py:4",
        "config.json": "--cwd",
        "asked.txt": "--include",
        "vendor/thing.py": "main.py:2",
        "vendor/thing-1.2.dist-info/METADATA": "--vendor thing",
    }


def test_parts_of_the_script_add_up_to_it(tmp_path: Path) -> None:
    bundle, sizes = analyse(tmp_path)
    whole = len(bundle.text.encode())
    assert sum(one["script_bytes"] for one in sizes["packages"]) == whole
    assert abs(sum(one["share"] for one in sizes["packages"]) - 1) < 1e-9
    names = [(one["package"], one["files"]) for one in sizes["packages"]]
    assert names == [
        ("net", 3),
        ("entry", 1),
        ("tools", 1),
        ("data", 2),
        ("runtime, banners and tables", 0),
    ]
    assert sizes["script"]["bytes"] == whole
    assert sizes["script"]["of_limit"] == whole / 900_000
    blob = next(one for one in sizes["files"] if one["path"] == "net/weights.bin")
    assert 600 * 4 / 3 < blob["script_bytes"] < 600 * 1.4 + 10  # base64, in its quotes
    assert json.loads(json.dumps(sizes)) == sizes


def test_the_table_is_aligned_and_ends_with_the_limit(tmp_path: Path) -> None:
    bundle, sizes = analyse(tmp_path)
    text = show_sizes(sizes)
    files, totals, script = text.split("\n\n")
    assert files.split("\n")[0].split() == ["bytes", "share", "file", "brought", "in", "by"]
    assert files.split("\n")[1].split()[::2] == ["600", "net/weights.bin", "of"]
    assert totals.split("\n")[0].split() == ["bytes", "share", "files", "in", "all"]
    of_limit = f"{len(bundle.text.encode()) / 900_000:.1%}"
    size = f"{len(bundle.text.encode()):,}"
    assert script == f"script: {size} bytes, {of_limit} of the 900,000 that Kaggle takes"


def test_a_script_above_the_limit_says_by_how_much(tmp_path: Path) -> None:
    _, sizes = analyse(tmp_path)
    sizes["script"] = {"bytes": 1_000_000, "limit_bytes": 900_000, "of_limit": 10 / 9}
    told = "1,000,000 bytes, 111.1% of the 900,000 that Kaggle takes; 100,000 too many for a kernel"
    assert show_sizes(sizes).endswith(told)
