"""Ways to start a bundle: by a link, in a zip, as a module, from its text alone."""

import os
import re
import subprocess
import zipapp
from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair
from tests.interpreters import find_python

FILES: Files = {
    "entry.py": (
        "import sys\nfrom lib import a\n\n\ndef twice(x):\n    return x * 2\n\n\n"
        "if __name__ == '__main__':\n    print(a.X, a.__file__, sys.argv, sys.path[0])\n"
        "    if 'fail' in sys.argv:\n        a.fail()\n    if 'spawn' in sys.argv:\n"
        "        import multiprocessing\n"
        "        with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "            print(pool.map(a.double, [1]))\n"
    ),
    "lib/__init__.py": "",
    "lib/a.py": (
        "X = 'a'\n\n\ndef fail():\n    return X / 0\n\n\ndef double(x):\n    return x * 2\n"
    ),
}
WHY = "a bundle reads its modules out of its own file, and Python was given only its text"
CURE = "cure: save it as a file, and run python entry.py"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path)
    made.write(FILES)
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_from_a_pipe_one_line_says_why_not(version: str, pair: Pair) -> None:
    script = pair.render()
    text = script.read_bytes()
    got = pair.run(version, Path("-"), input=text, cwd=pair.alone)
    assert (got.stdout, got.stderr, got.exit_code) == ("", f"entry.py: {WHY}; {CURE}\n", 1)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_from_exec_one_line_says_why_not(style: str, version: str, pair: Pair) -> None:
    script = pair.render(style=style)
    caller = pair.alone / "caller.py"
    caller.write_text(f"exec(open({str(script)!r}).read())\n")
    got = pair.run(version, caller)
    assert (got.stdout, got.stderr, got.exit_code) == ("", f"entry.py: {WHY}; {CURE}\n", 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_as_text_with_its_files_name_it_runs(version: str, pair: Pair) -> None:
    script = pair.render()
    caller = pair.alone / "caller.py"
    caller.write_text(f"exec(compile(open({str(script)!r}).read(), {str(script)!r}, 'exec'))\n")
    assert pair.run(version, caller).stdout.startswith("a ROOT/lib/a.py")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("words", [(), ("fail",), ("spawn",)])
def test_in_a_zip(words: tuple[str, ...], version: str, pair: Pair) -> None:
    """As the program itself in one, whose modules seem to lie in the zip.

    The file of __main__ is one that spawned processes can run.
    """
    (pair.plain / "entry.py").rename(pair.plain / "__main__.py")
    zipapp.create_archive(pair.plain, pair.home / "plain.pyz")
    (pair.plain / "__main__.py").rename(pair.plain / "entry.py")
    script = pair.render(out="bundled/__main__.py")
    (pair.home / "bundled").mkdir()
    script.rename(pair.home / "bundled" / "__main__.py")
    zipapp.create_archive(pair.home / "bundled", pair.home / "bundled.pyz")
    told = []
    for name in ("plain", "bundled"):
        got = pair.run(version, pair.home / f"{name}.pyz", *words, cwd=pair.home)
        texts = [text.replace(f"{pair.home}/{name}", "ZIP") for text in (got.stdout, got.stderr)]
        lines = [line for line in texts[1].split("\n") if "<frozen" not in line]
        if version != "3.13":  # its own printer looks for lines in no zip
            lines = [line for line in lines if not line.startswith("    ")]
        named = [line.replace("__main__.py", "entry.py") for line in lines]
        told.append((texts[0].replace("entry.py", "__main__.py"), named, got.exit_code))
    assert told[0] == told[1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_with_a_relative_path_from_elsewhere(style: str, version: str, pair: Pair) -> None:
    script = pair.render(style=style)
    expected = pair.run_plain(version, "fail", cwd=pair.home)
    relative = Path(os.path.relpath(script, pair.home))
    got = pair.run(version, relative, "fail", cwd=pair.home)
    assert got.stderr == expected.stderr
    assert got.stdout.startswith("a ROOT/lib/a.py ['alone/entry.py', 'fail'] ROOT")


@pytest.mark.parametrize("version", VERSIONS)
def test_by_a_link_from_another_folder(version: str, pair: Pair) -> None:
    """The entry is named by the link, its modules by where the script lies, as in plain Python."""
    told = []
    script = pair.render()
    for name, target in (("one", pair.plain / "entry.py"), ("two", script)):
        link = pair.home / name / "entry.py"
        link.parent.mkdir()
        link.symlink_to(target)
        if name == "one":
            words = [find_python(version), str(link), "fail"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            texts = [done.stdout, done.stderr]
        else:
            got = pair.run(version, link, "fail")
            texts = [got.stdout, got.stderr]
        root = str(target.parent)
        told.append([text.replace(str(link.parent), "L").replace(root, "ROOT") for text in texts])
    assert told[0] == told[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_its_shebang_and_block_stand_at_the_top(version: str, pair: Pair) -> None:
    block = "# /// script\n# dependencies = []\n# ///"
    shebang = f"#!{find_python(version)}"
    script = pair.render(shebang=shebang, script_block=block)
    assert script.read_text().startswith(f"{shebang}\n{block}\n\n# entry.py, bundled")
    script.chmod(0o755)
    done = subprocess.run([script], capture_output=True, text=True, check=False, cwd=pair.home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"a {pair.alone}/lib/a.py")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_imported_it_is_the_entry_as_a_module(style: str, version: str, pair: Pair) -> None:
    script = pair.render(style=style)
    words = ("-c", "import entry, lib.a; print(entry.twice(2), entry.__name__, lib.a.X)")
    got = pair.run(version, Path("-"), flags=words, cwd=script.parent)
    assert (got.stdout, got.stderr) == ("4 entry a\n", "")


DASH_M: Files = {
    "pack/__init__.py": "print('parent', __name__, flush=True)\n",
    "pack/__main__.py": (
        "import multiprocessing, os, sys\nfrom . import tools\nfrom .tools import double, fail\n"
        "print(__name__, __package__, __spec__.name, __spec__.parent, tools.__name__)\n"
        "print(sys.argv[:2], os.path.basename(sys.argv[0]), flush=True)\n"
        "if __name__ == '__main__':\n    context = multiprocessing.get_context('spawn')\n"
        "    one = context.Process(target=print, args=(double, 'child'))\n    one.start()\n"
        "    one.join()\n    fail()\n"
    ),
    "pack/tools.py": "def double(x):\n    return x * 2\n\n\ndef fail():\n    return 1 / 0\n",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
@pytest.mark.parametrize("module", ["pack", "pack.run"])
def test_as_dash_m_would(module: str, style: str, version: str, tmp_path: Path) -> None:
    """Parents first, relative imports, sys.argv, and processes that are spawned."""
    pair = Pair(tmp_path)
    pair.write(DASH_M)
    name = "pack/__main__.py" if module == "pack" else "pack/run.py"
    (pair.plain / "pack/__main__.py").rename(pair.plain / name)
    words = ("-m", module, "spawn")
    expected = pair.run(version, pair.plain / "pack", flags=words, cwd=pair.plain)
    script = pair.render(name, style, module=module, out="out.py")
    got = pair.run(version, script, "spawn")
    assert got.stdout == expected.stdout
    frozen = [line for line in expected.stderr.split("\n") if "<frozen" not in line]
    assert got.stderr.split("\n") == frozen


PEP_723 = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"
BLOCK = "# /// script\n# dependencies = []\n# ///"


@pytest.mark.parametrize("style", ["code", "text", "disk"])
def test_one_block_of_dependencies_is_found(style: str, pair: Pair) -> None:
    """The entry's own and those in strings or data stand where nobody takes them for one."""
    inside = f"{BLOCK}\nimport lib.a\n\nTEXT = '''\n{BLOCK}\n'''\nprint(len(TEXT))\n"
    pair.write({"entry.py": inside, "lib/readme.txt": f"{BLOCK}\n# ==== entry.py =\n"})
    expected = pair.run_plain("3.11")
    script = pair.render(style=style, script_block=BLOCK, preface="# a remark\nX = 1\n")
    text = script.read_text()
    assert len(re.findall(PEP_723, text)) == 1
    assert pair.run("3.11", script) == expected
    assert not re.findall(PEP_723, pair.render(style=style).read_text())
