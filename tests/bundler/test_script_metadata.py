"""The block of PEP 723 at a bundle's top: what it holds, and the entry's own kept in it."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import InputError
from lib.bundler.analysis.find_imports import Findings, Import
from lib.bundler.analysis.graph import ENTRY, Graph, Module
from lib.bundler.bundle import build_bundle
from lib.bundler.entry import Entry
from lib.bundler.installed.distributions import Installed
from lib.bundler.installed.import_names import find_dependencies, name_known_distribution
from lib.bundler.installed.script_metadata import split_top, write_block
from tests.bundler.installed import install

PYTHON = ">={}.{}".format(*sys.version_info[:2])


def read_as_specified(script: str) -> dict[str, Any] | None:
    """The reference implementation of the specification "inline script metadata"."""
    expression = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"
    matches = [one for one in re.finditer(expression, script) if one["type"] == "script"]
    if len(matches) > 1:
        raise ValueError("Multiple script blocks found")
    if not matches:
        return None
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:]
        for line in matches[0]["content"].splitlines(keepends=True)
    )
    return tomllib.loads(content)


def graph_of(*imports: Import) -> Graph:
    graph = Graph({ENTRY: Module(ENTRY, "train.py", None, Findings(), ())})
    graph.external = [(one.module.partition(".")[0], ENTRY, one) for one in imports]
    return graph


def name_all(folder: Path, *imports: Import) -> list[str]:
    return find_dependencies(graph_of(*imports), Installed([str(folder)]), is_told=True)[0]


def test_a_block_is_made_of_distribution_names_in_equal_bytes() -> None:
    made = write_block(split_top("import yaml\n"), ["pyyaml", "numpy", "pyyaml"], "train.py")
    assert made == (
        f'# /// script\n# requires-python = "{PYTHON}"\n# dependencies = [\n'
        '#     "numpy",\n#     "pyyaml",\n# ]\n# ///'
    )
    assert read_as_specified(f"{made}\n\nimport yaml\n") == {
        "requires-python": PYTHON,
        "dependencies": ["numpy", "pyyaml"],
    }


def test_a_program_of_the_standard_library_needs_an_empty_list() -> None:
    made = write_block(split_top("print(1)\n"), [], "train.py")
    assert read_as_specified(made) == {"requires-python": PYTHON, "dependencies": []}


OWN = """\
#!/usr/bin/env -S uv run --script
# A comment above.
# /// script
# requires-python = ">=3.9,<4"   # as our users have it
# dependencies = [
#   "Scikit_Learn>=1.4",  # "not , ] this"
#   'opencv-python-headless[x]',
# ]
#
# [tool.uv]
# exclude-newer = "2026-01-01T00:00:00Z"
# dependencies = ["unrelated"]
# \t
# [[tool.uv.index]]
# name = "inner"
# ///
\"\"\"The docstring.\"\"\"
import sklearn
"""


def test_the_own_block_is_kept_byte_for_byte_but_for_what_it_lacks() -> None:
    top = split_top(OWN)
    assert top.shebang == "#!/usr/bin/env -S uv run --script"
    assert top.blocks[0].line == 3
    assert f"{top.block}\n" in OWN
    assert write_block(top, ["scikit-learn", "opencv-python"], "train.py") == top.block
    made = write_block(top, ["scikit-learn", "zarr", "pillow"], "train.py")
    wanted = '[x]\',\n#   "pillow",\n#   "zarr",\n# ]\n#\n'
    assert made == top.block.replace("[x]',\n# ]\n#\n", wanted)
    found = read_as_specified(f"{made}\n")
    assert found is not None
    assert found["requires-python"] == ">=3.9,<4"
    assert found["tool"]["uv"]["dependencies"] == ["unrelated"]


@pytest.mark.parametrize(
    ("own", "made"),
    [
        ("dependencies = []", 'dependencies = ["zarr"]'),
        ('dependencies = ["a"]', 'dependencies = ["a", "zarr"]'),
        ('dependencies = ["a",] # b', 'dependencies = ["a", "zarr"] # b'),
        ("dependencies = [\n]", 'dependencies = [\n    "zarr",\n]'),
        ('dependencies = [\n  "a" # b\n]', 'dependencies = [\n  "a", # b\n  "zarr",\n]'),
        ('dependencies = ["a",\n  "b"]', 'dependencies = ["a",\n  "b",\n  "zarr",\n]'),
        ('"dependencies" = [ "a[x]>=1", ]', '"dependencies" = [ "a[x]>=1", "zarr" ]'),
        ('[tool.uv]\nx = ["a"]', 'dependencies = [\n    "zarr",\n]\n[tool.uv]\nx = ["a"]'),
        ("x = '''\n[ ] dependencies = [\n'''", None),
    ],
)
def test_what_the_own_block_lacks_is_added_in_its_style(own: str, made: str | None) -> None:
    block = "\n".join(["# /// script", *(f"# {line}" for line in own.split("\n")), "# ///"])
    text = write_block(split_top(f"{block}\n"), ["zarr"], "train.py")
    before, after = tomllib.loads(own), read_as_specified(f"{text}\n")
    added = {"requires-python": PYTHON, "dependencies": [*before.get("dependencies", []), "zarr"]}
    assert after == {**before, **added}
    if made is not None:
        lines = ["# /// script", f'# requires-python = "{PYTHON}"']
        shown = "\n".join([*lines, *(f"# {line}" for line in made.split("\n")), "# ///"])
        assert text == shown


WORDS = st.sampled_from(["a", "b-c>=1", 'd; python_version < "3.13"', "e[x,y]", "f#g"])
SPACES = st.sampled_from(["", " ", "\n", "\n  ", ' # ], "\n', "\n\n  # [\n"])


@given(st.lists(st.tuples(WORDS, SPACES, SPACES), max_size=4), SPACES, st.booleans())
def test_any_list_takes_another_name(
    items: list[tuple[str, str, str]], space: str, comma: bool
) -> None:
    shown = ",".join(f"{before}'{word}'{after}" for word, before, after in items)
    toml = (
        f"dependencies = [{space}{shown}{',' if comma and items else ''}{space}]\n[tool.x]\na = 1"
    )
    block = "\n".join(["# /// script", *(f"# {one}" for one in toml.split("\n")), "# ///", ""])
    before, after = (
        tomllib.loads(toml),
        read_as_specified(write_block(split_top(block), ["zarr", "zlib-ng"], "train.py") + "\n"),
    )
    assert after is not None
    assert after["dependencies"] == [*before["dependencies"], "zarr", "zlib-ng"]
    assert after["tool"] == before["tool"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n# /// script\n# a = 1\n# b = = 2\n# ///\n", r"train.py:4: .* no TOML"),
        ("# /// script\n# x = 1\n# dependencies = 'a'\n# ///\n", r"train.py:3: .* a list of"),
        ("# /// script\n# dependencies = [1]\n# ///\n", r"train.py:2: .* a list of strings"),
        ("# /// script\n# requires-python = 3\n# ///\n", r"train.py:2: .* not a string"),
        ("# /// script\n# a = [\n# ///\n", r"train.py:3: .* no TOML"),
        (
            "# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n",
            r"train.py:5: a second block .* cure: make one of both",
        ),
    ],
)
def test_a_mistake_in_a_block_is_named_by_its_line(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        write_block(split_top(text), [], "train.py")


def test_what_is_no_block_is_not_taken_for_one() -> None:
    for text in (
        "# /// script\n# never closed\nimport a\n",
        "    # /// script\n    # a = 1\n    # ///\n",
        "# /// script\n#a = 1\n# ///\n",
        "# /// pyproject\n# a = 1\n# ///\n",
    ):
        assert split_top(text).block == "", text
        assert split_top(text).shebang == ""
    two = "# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n"
    assert split_top(two).block == ""  # no tool reads such a program


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.svm", "scikit-learn"),
        ("cv2", "opencv-python"),
        ("PIL.Image", "pillow"),
        ("yaml", "pyyaml"),
        ("bs4", "beautifulsoup4"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("typing_extensions", "typing-extensions"),
        ("google", None),
        ("kaggle_secrets", None),
        ("nobody_knows_it", None),
    ],
)
def test_well_known_modules_are_named_without_being_installed(
    module: str, name: str | None
) -> None:
    assert name_known_distribution(module) == name


def test_installed_distributions_name_themselves(tmp_path: Path) -> None:
    install(tmp_path, "My_Fancy.Tool", {"fancy/__init__.py": ""})
    install(tmp_path, "google-one", {"google/one/__init__.py": ""})
    install(tmp_path, "google-two", {"google/two.py": ""})
    for name in ("opencv-contrib-python", "opencv-python"):
        install(tmp_path, name, {"cv2/__init__.py": ""})
    imports = [
        Import("fancy.deep", (), 1, "load"),
        Import("google", ("two",), 2, "later"),
        Import("cv2", (), 3, "maybe"),
    ]
    assert name_all(tmp_path, *imports) == ["google-two", "my-fancy-tool", "opencv-python"]


def test_only_what_the_program_needs_is_a_dependency(tmp_path: Path) -> None:
    imports = [
        Import("numpy", (), 1, "typing"),
        Import("pandas", (), 2, "optional"),
        Import("json", (), 3, "load"),
        Import("winreg", (), 4, "maybe"),
        Import("kaggle_secrets", ("UserSecretsClient",), 5, "later"),
        Import("google.colab", ("drive",), 6, "maybe"),
        Import("torch", (), 7, "optional"),
        Import("torch.nn", (), 8, "load"),
    ]
    found = find_dependencies(graph_of(*imports), Installed([str(tmp_path)]), is_told=True)
    assert found == (["torch"], [])


def test_a_stranger_of_the_same_name_is_never_asked_for(tmp_path: Path) -> None:
    """A module that nothing is known of is told; on PyPI its name may be anybody's."""
    info = {"direct_url.json": json.dumps({"url": "file:///path/to/own", "dir_info": {}})}
    install(tmp_path, "own-package", {"own.py": ""}, info=info)
    vcs = {"url": "https://forge/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    install(tmp_path, "from-git", {"cloned.py": ""}, info={"direct_url.json": json.dumps(vcs)})
    imports = [Import(name, (), n, "load") for n, name in enumerate(("own", "secret", "cloned"), 1)]
    imports.append(Import("absent_here_too", (), 4, "maybe"))
    names, told = find_dependencies(graph_of(*imports), Installed([str(tmp_path)]), is_told=True)
    assert names == ["from-git @ git+https://forge/x.git@abc"]
    assert [(one.path, one.line, one.what.split(": ")[1]) for one in told] == [
        ("train.py", 1, "it was installed from a folder of this machine"),
        ("train.py", 2, "no distribution on PyPI is known to hold it"),
    ]
    assert find_dependencies(graph_of(*imports), Installed([str(tmp_path)]), is_told=False)[1] == []


INNER = "X = '''\n# /// script\n# dependencies = []\n# ///\n'''\nprint(len(X))\n"


@pytest.mark.parametrize("style", ["code", "text", "disk"])
@pytest.mark.parametrize("text", [OWN.replace("import sklearn\n", ""), INNER, "print(1)\n"])
def test_exactly_one_block_of_a_bundle_is_one_for_others(
    text: str, style: str, tmp_path: Path
) -> None:
    made = build_bundle(Entry(text, "main.py", tmp_path, style=style, pep723=True))
    found = read_as_specified(made.text)
    assert found is not None
    assert made.text.startswith(split_top(text).shebang)
    if text.startswith("#!"):
        assert found["tool"]["uv"]["index"] == [{"name": "inner"}]
