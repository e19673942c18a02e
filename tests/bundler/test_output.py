"""What a bundle looks like: readable, the same everywhere, and described by its manifest."""

import ast
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import Bundle, build_bundle, write_bundle
from lib.bundler.chapters import Chapter
from lib.bundler.entry import Entry
from tests.bundled import CASES

ROOT = Path(__file__).resolve().parents[2]


def _bundle(folder: Path, style: str = "code", include: tuple[str, ...] = ()) -> Bundle:
    return build_bundle(
        Entry((folder / "entry.py").read_bytes(), "entry.py", folder, include, style)
    )


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("case", ["imports", "future", "same_names", "data", "processes"])
def test_every_line_stands_in_the_script(case: str) -> None:
    """In reading order, between banners, at the line that the table gives."""
    bundle = _bundle(CASES / case)
    lines = bundle.text.split("\n")
    rows = [line[3:].split(None, 5) for line in lines if line.startswith("#: ")]
    inputs = {one["path"]: one for one in bundle.manifest["inputs"]}
    assert [row[5] for row in rows if "__bundle__" not in row[5]] == list(inputs)
    for first, count, size, sha256, form, path in rows:
        shown = lines[int(first) - 1 : int(first) - 1 + int(count)]
        if path not in inputs or form != "code":
            continue
        raw = (CASES / case / path).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (int(size), sha256)
        assert inputs[path]["lines"] == int(count) == raw.count(b"\n")
        for line, own in zip(shown, raw.decode().split("\n"), strict=False):
            assert line in ("    " + own if own else "", "#   " + own), path
        banners = [line for line in lines if line.startswith("# ==== " + path + " ")]
        assert len(banners) == 1, path


def test_imported_modules_stand_before_their_importers() -> None:
    paths = [one["path"] for one in _bundle(CASES / "imports").manifest["inputs"]]
    assert paths[-1] == "entry.py"
    assert paths.index("lib/words.py") < paths.index("lib/shapes/circle.py")
    assert paths.index("lib/shapes/circle.py") < paths.index("lib/shapes/__init__.py")


@pytest.mark.parametrize("case", ["imports", "data"])
def test_runtime_is_short_and_explains_itself(case: str) -> None:
    text = _bundle(CASES / case).text
    runtime = text.split("# ==== runtime ", 1)[1].split("\n# ==== ", 1)[0]
    runtime = runtime.split("\n", 1)[1].strip()
    assert len(runtime.split("\n")) < 300
    tree = ast.parse(runtime)
    assert ast.get_docstring(tree.body[0])
    assert max(map(len, runtime.split("\n"))) <= 100


def test_nothing_of_the_sections_runs_where_it_stands() -> None:
    tree = ast.parse(_bundle(CASES / "imports").text)
    kinds = [type(node).__name__ for node in tree.body]
    assert kinds.count("FunctionDef") == 1
    assert kinds[-1] == "With"
    sections = [node for node in tree.body if isinstance(node, ast.If)]
    assert all(isinstance(node.test, ast.Constant) and not node.test.value for node in sections)
    texts = [node for node in tree.body if isinstance(node, ast.Expr)]  # parts of the runtime
    assert all(isinstance(node.value, ast.Constant) for node in texts)
    assert len(sections) + len(texts) == len(tree.body) - 2


def test_equal_bytes_whatever_the_machine(tmp_path: Path) -> None:
    """Another folder, file order, time and PYTHONHASHSEED; no path of this machine is in it."""
    made = []
    for number, case in enumerate(("data", "data"), 1):
        folder = tmp_path / f"machine {number}"
        names = sorted(path for path in (CASES / case).rglob("*") if path.is_file())
        for name in names[:: 1 if number == 1 else -1]:
            target = folder / name.relative_to(CASES / case)
            if "__pycache__" not in name.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(name, target)
                os.utime(target, (number * 10**8, number * 10**8))
        out = tmp_path / f"out {number}.py"
        program = (
            "import sys; from pathlib import Path; from lib.bundler.bundle import *\n"
            "from lib.bundler.entry import Entry\n"
            "entry, out = Path(sys.argv[1]), Path(sys.argv[2])\n"
            "made = build_bundle(Entry(entry.read_bytes(), entry.name, entry.parent))\n"
            "write_bundle(made.text, made.manifest, out, out.with_suffix('.json'))\n"
        )
        subprocess.run(
            [sys.executable, "-c", program, str(folder / "entry.py"), str(out)],
            cwd=tmp_path if number == 2 else ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(number), "PYTHONPATH": str(ROOT)},
            check=True,
        )
        made.append((out.read_bytes(), out.with_suffix(".json").read_bytes()))
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in b"".join(made[0])
    assert str(ROOT).encode() not in b"".join(made[0])


def test_hash_is_of_the_whole_text_and_known_at_run_time(tmp_path: Path) -> None:
    text = "import __bundle__\n\nprint(__bundle__.sha256, NAME)\n"
    _write(tmp_path, {"entry.py": text})
    entry = Entry(text, "entry.py", tmp_path, preface="NAME = 'it'\n")
    bundle = build_bundle(entry)
    zeroed = bundle.text.replace(bundle.sha256, "0" * 64)
    assert hashlib.sha256(zeroed.encode()).hexdigest() == bundle.sha256
    assert bundle.manifest["sha256"] == bundle.sha256
    assert bundle.text.index("NAME = 'it'") < bundle.text.index("# ==== runtime")
    (tmp_path / "out.py").write_text(bundle.text)
    done = subprocess.run([sys.executable, "out.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{bundle.sha256} it\n"


def test_manifest_tells_who_imports_whom_and_what_comes_from_elsewhere(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "entry.py": "import json, numpy\nfrom lib.a import f\n",
            "lib/__init__.py": "",
            "lib/a.py": (
                "from typing import TYPE_CHECKING\n"
                "try:\n    import nowhere_one\nexcept ImportError:\n    pass\n"
                "if TYPE_CHECKING:\n    import nowhere_two\n"
                "import importlib\n"
                "def f(name):\n    import nowhere_three\n    return importlib.import_module(name)\n"
            ),
            "lib/unreached.py": "import nowhere_four\n",
        },
    )
    manifest = _bundle(tmp_path).manifest
    assert [one["path"] for one in manifest["inputs"]] == [
        "lib/__init__.py",
        "lib/a.py",
        "entry.py",
    ]
    assert manifest["imports"] == {"lib": {}, "lib.a": {}, "entry.py": {"lib": 2, "lib.a": 2}}
    assert manifest["not_followed"] == {"lib/a.py": [11]}
    external = manifest["external"]
    assert "nowhere_four" not in external
    assert external["numpy"] == {
        "origin": "Kaggle's image",
        "needed_by": [{"file": "entry.py", "line": 1, "when": "load"}],
    }
    found = {name: one["needed_by"][0] for name, one in external.items()}
    assert found["nowhere_one"] == {"file": "lib/a.py", "line": 3, "when": "optional"}
    assert found["nowhere_two"] == {"file": "lib/a.py", "line": 7, "when": "typing"}
    assert found["nowhere_three"] == {"file": "lib/a.py", "line": 10, "when": "later"}
    assert external["nowhere_one"]["origin"] == "not known on Kaggle"
    assert external["json"]["origin"] == "standard library"
    json.dumps(manifest)


ERRORS = {  # what is wrong: (entry, other files, what the one line must say)
    "syntax": ("import lib.a\n", {"lib/a.py": "x = 1\nif x\n"}, ("lib/a.py:2", "syntax error")),
    "missing module": ("\nimport lib.gone\n", {"lib/__init__.py": ""}, ("entry.py:2", "lib.gone")),
    "missing name": ("from lib import gone\n", {"lib/__init__.py": ""}, ("entry.py:1", "lib.gone")),
    "missing relative": ("import lib\n", {"lib/__init__.py": "from .x import y\n"}, ("lib.x",)),
    "above the top": ("import lib\n", {"lib/__init__.py": "from ..x import y\n"}, ("above",)),
    "missing package": ("import nowhere_one\n", {}, ("entry.py:1", "nowhere_one", "Kaggle")),
    "not text": ("import lib\n", {"lib/__init__.py": b"x = '\xff'\n"}, ("__init__.py:1", "UTF-8")),
    "null byte": ("import lib\n", {"lib/__init__.py": b"x = 1\0\n"}, ("__init__.py:1",)),
    "codec": ("# coding: no-such\n", {}, ("entry.py:1", "no-such")),
    "return": ("def f():\n  pass\nreturn 1\n", {}, ("entry.py:3", "'return' outside function")),
}


@pytest.mark.parametrize("mistake", ERRORS)
def test_mistakes_are_one_line_with_file_and_cure(mistake: str, tmp_path: Path) -> None:
    text, files, words = ERRORS[mistake]
    (tmp_path / "entry.py").write_text(text)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError) as caught:
        _bundle(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert "; cure: " in message
    assert all(word in message for word in words), message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import nowhere\nexcept ModuleNotFoundError:\n    pass\n",
        "try:\n    import lib.gone\nexcept (ImportError, OSError):\n    lib = None\n",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import nowhere\n",
        "import typing\nif typing.TYPE_CHECKING:\n    from nowhere import x\n",
        "def f():\n    import nowhere\n",
        "import sys\nif sys.platform == 'none':\n    import nowhere\n",
        "from lib import made_at_run_time\n",
    ],
)
def test_imports_that_may_fail_are_no_mistakes(text: str, tmp_path: Path) -> None:
    made = "globals()['made_at_run_time'] = 1\n"
    _write(tmp_path, {"entry.py": text + "print('to the end')\n", "lib/__init__.py": made})
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "kernel.py").write_text(_bundle(tmp_path).text)
    command = [sys.executable, "-I", "kernel.py"]
    done = subprocess.run(
        command, cwd=tmp_path / "alone", capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("to the end\n", "")


def test_too_large_a_script_names_its_largest_modules(tmp_path: Path) -> None:
    big = "VALUE = 1  # " + "x" * 80 + "\n"
    files = {"entry.py": "from lib import a, b\n", "lib/__init__.py": ""}
    _write(tmp_path, {**files, "lib/a.py": big * 9000, "lib/b.py": big * 1000})
    entry = Entry(files["entry.py"], "entry.py", tmp_path)
    with pytest.raises(InputError, match=r"900,000; the largest: lib/a\.py 846,000, lib/b\.py"):
        build_bundle(dataclasses.replace(entry, limit=900_000))
    (told,) = build_bundle(entry).differences
    assert "bytes; Kaggle takes 900,000" in str(told)


def test_old_output_survives_what_goes_wrong(tmp_path: Path) -> None:
    bundle = _bundle(_write(tmp_path / "in", {"entry.py": "print(1)\n"}))
    out = tmp_path / "out" / "kernel.py"
    write_bundle(bundle.text, bundle.manifest, out, out.with_suffix(".manifest.json"))
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    assert sorted(before) == ["kernel.manifest.json", "kernel.py"]
    (tmp_path / "in" / "entry.py").write_text("print(")
    with pytest.raises(InputError, match="'\\(' was never closed"):
        _bundle(tmp_path / "in")
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_unreached_modules_stay_out() -> None:
    paths = [one["path"] for one in _bundle(CASES / "unreached").manifest["inputs"]]
    assert paths == ["lib/__init__.py", "lib/used.py", "entry.py"]
    paths = [one["path"] for one in _bundle(CASES / "type_checking").manifest["inputs"]]
    assert "lib/only_types.py" not in paths


def test_include_takes_globs_of_modules_and_of_files(tmp_path: Path) -> None:
    files = {"entry.py": "", "lib/__init__.py": "", "lib/p/__init__.py": "", "lib/p/a.py": ""}
    _write(tmp_path, {**files, "lib/p/b.py": "", "lib/q.py": "", "notes/one.txt": "1\n"})

    def paths(*include: str) -> list[str]:
        inputs = _bundle(tmp_path, include=include).manifest["inputs"]
        return sorted(one["path"] for one in inputs)

    assert paths("lib.p.*") == [
        "entry.py", "lib/__init__.py", "lib/p/__init__.py", "lib/p/a.py", "lib/p/b.py",
    ]  # fmt: skip
    assert "lib/q.py" in paths("lib.p.a", "lib.?")
    assert paths("notes/*.txt") == ["entry.py", "notes/one.txt"]
    with pytest.raises(InputError, match=r"--include lib\.zzz\.\* matches nothing"):
        paths("lib.zzz.*")


def _demand_told_once(done: subprocess.CompletedProcess[str], stdout: str, script: Path) -> None:
    """A run of an edited bundle -> one line tells so, with the hash of what ran."""
    text = script.read_text().rstrip() + "\n"
    named = text.split("with zeros in its place): ")[1][:64]
    sha256 = hashlib.sha256(text.replace(named, "0" * 64, 1).encode()).hexdigest()
    assert done.stdout == stdout, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(
        f"not the one that its header names; sha256 of what runs: {sha256}\n"
    )


@pytest.mark.parametrize("added", [-2, -1, 1, 2, 3])
@pytest.mark.parametrize("place", ["at the top", "in a module", "in the entry"])
@pytest.mark.parametrize("style", ["code", "text"])
def test_a_bundle_with_lines_added_by_hand_runs(
    tmp_path: Path, style: str, place: str, added: int
) -> None:
    """Who forks a script edits it: every file is then found between its banners."""
    remark = "    # a remark" if style == "code" else "# a remark"
    files = {
        "app/__init__.py": "# nothing but a remark\n# and another\n# and a third\n",
        "app/one.py": "# 1\n# 2\n# 3\ndef say():\n    if True:\n        pass\n    return 1\n",
        "app/note.txt": "",
        "app/empty.py": "",
        "two.py": "# 1\n# 2\n# 3\nfrom app import empty, one\n\nVALUE = one.say() + 1\n",
    }
    text = "# 1\n# 2\n# 3\nimport two\n\nprint(two.VALUE, __name__)\n"
    preface = "# 1\n# 2\n# 3\nCONFIG = {}\n"
    entry = Entry(text, "entry.py", _write(tmp_path / "src", files), (), style, preface=preface)
    lines = build_bundle(entry).text.split("\n")
    path = {"at the top": "# content", "in a module": "# ==== app/one.py"}.get(place)
    start = next(n for n, line in enumerate(lines) if line.startswith(path or "# ==== entry.py"))
    first = next(n for n in range(start, len(lines)) if lines[n].endswith("# 1"))
    if added > 0:
        lines[first:first] = [remark] * added
    else:
        del lines[first : first - added]
    (tmp_path / "entry.py").write_text("\n".join(lines))
    words = [sys.executable, "-I", "entry.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    _demand_told_once(done, "2 __main__\n", tmp_path / "entry.py")


@pytest.mark.parametrize("count", [20, 200])
def test_a_bundle_runs_after_many_lines_were_deleted(tmp_path: Path, count: int) -> None:
    """Then the table's numbers point behind the end of the text."""
    files = {"one.py": "# a remark\n" * count + "VALUE = 1\n", "app/__init__.py": ""}
    text = "import app.__init__\nimport linecache\nimport one\n\nprint(one.VALUE)\n"
    script = build_bundle(Entry(text, "entry.py", _write(tmp_path / "src", files))).text
    (tmp_path / "entry.py").write_text(script.replace("    # a remark\n", ""))
    words = [sys.executable, "-I", "entry.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    _demand_told_once(done, "1\n", tmp_path / "entry.py")


def test_lines_added_to_an_empty_file_are_its_own(tmp_path: Path) -> None:
    """Past failure: they ran as the script's."""
    source = _write(tmp_path / "src", {"app/__init__.py": ""})
    entry = Entry("import app\n\nprint(app.VALUE, 'VALUE' in globals())\n", "entry.py", source)
    lines = build_bundle(entry).text.split("\n")
    place = next(n for n, line in enumerate(lines) if line.startswith("# ==== app/__init__.py "))
    assert lines[place + 1] == "if 0:"
    lines.insert(place + 2, "    VALUE = 7")
    (tmp_path / "entry.py").write_text("\n".join(lines))
    words = [sys.executable, "-I", "entry.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    _demand_told_once(done, "7 False\n", tmp_path / "entry.py")


def test_chapters_hold_every_file_once_and_begin_with_their_own_words(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": '"""The parts.\n\nMore of them."""\n',
        "app/big.py": '"""The whole."""\nfrom app import small\n',
        "app/small.py": "VALUE = 1\n",
        "other.py": "from app import big\n",
    }
    _write(tmp_path, files)
    chapters = (
        Chapter("Parts", ("app/__init__.py", "app/*")),
        Chapter("None", ("none/*",)),
        Chapter("Rest", ("entry.py",)),
    )
    entry = Entry("import other\n", "entry.py", tmp_path, chapters=chapters)
    lines = build_bundle(entry).text.split("\n")
    banners = [line.split()[2] for line in lines if line.startswith("# ==== ")]
    assert banners[:2] == ["contents", "app/__init__.py"]
    assert banners[2:6] == ["app/big.py", "app/small.py", "entry.py", "other.py"]
    rows = [line[1:].split(None, 1) for line in lines if line.startswith("#    ")]
    assert [row[1] for row in rows] == ["1. Parts  The parts.", "2. Rest"]
    for number, title in rows:
        assert title.split("  ")[0] in lines[int(number) - 1]
