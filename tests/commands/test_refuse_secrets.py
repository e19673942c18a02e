"""A secret in a module, a setting or the metadata: nothing is built that would carry it out."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.kernel_build import build_kernel
from lib.commands.options import parse_and_run
from lib.kernel.recipes.table import make_config
from tests.kaggle_place import METADATA
from tests.kaggle_state import KEY, TOKEN, USER

SOURCE = Path(__file__).resolve().parents[2]
PAIR = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
FORMS = {"script": "kernel.py", "notebook": "notebook/kernel.ipynb"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources, and a user who has signed in to Kaggle by a key."""
    for name in ("KAGGLE_CONFIG_DIR", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home" / ".kaggle"
    folder.mkdir(parents=True)
    (folder / "kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))
    monkeypatch.setenv("HOME", str(folder.parent))
    root = tmp_path / "root"
    for name in ("lib", "kernel_template"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE / name, root / name, ignore=ignored)
    (root / "kernel-metadata.json").write_text(json.dumps(METADATA))
    return root


def refuse(root: Path, form: str, match: str) -> None:
    """A copy of the sources -> InputError of a build, which leaves an earlier one alone."""
    old = root / "build" / FORMS[form]
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_text("as it was")
    with pytest.raises(InputError, match=match) as caught:
        build_kernel(root, make_config("pixel", {}), form)
    assert old.read_text() == "as it was"
    assert not any(secret in str(caught.value) for secret in (KEY, TOKEN, PAIR))


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("script", f"# {TOKEN}"),
        ("script", f"X = '{KEY}'"),
        ("script", "# /home/ada/x"),
        ("notebook", f"# {PAIR}"),
    ],
)
def test_secret_in_a_module_stops_the_build(root: Path, form: str, line: str) -> None:
    """`# KGAT_...` once passed build.py, and `kaggle kernels push` sent it."""
    path = root / "lib" / "base" / "seeds.py"
    path.write_text(f"{path.read_text()}{line}\n")
    count = path.read_text().count("\n")
    refuse(root, form, rf"lib/base/seeds\.py.*{count}")


@pytest.mark.parametrize("form", FORMS)
def test_secret_in_the_metadata_stops_the_build(root: Path, form: str) -> None:
    """The plain client sends its fields as they are."""
    fields = {**METADATA, "keywords": [KEY]}
    (root / "kernel-metadata.json").write_text(json.dumps(fields))
    refuse(root, form, r"kernel-metadata\.json holds what must not leave")


@pytest.mark.parametrize("words", [[], ["--format", "notebook"], ["--style", "text"]])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pk/key.py", f"KEY = '{KEY}'\n".encode()),
        ("pk/key.py", f"# {PAIR}\n".encode()),
        ("pk/key.txt", f"{KEY}\0\xff".encode("latin-1")),
        ("pk/key.txt", TOKEN.encode("utf-16")),
    ],
    ids=["key", "pair", "data", "utf-16"],
)
def test_bundle_refuses_the_user_s_own_key(
    root: Path, words: list[str], name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks like any other hash: the bundler alone cannot know it."""
    from lib.commands.bundling.bundle import BUNDLE

    folder = root / "program"
    (folder / "pk").mkdir(parents=True)
    (folder / "pk" / "__init__.py").write_text("")
    (folder / name).write_bytes(content)
    text = "import pk\nfrom pathlib import Path\nPath(__file__).parent.joinpath('pk/key.txt')\n"
    (folder / "entry.py").write_text("from pk import key\n" if name.endswith(".py") else text)
    monkeypatch.chdir(folder)
    out = "out.ipynb" if "notebook" in words else "out.py"
    with pytest.raises(InputError, match=r"credentials|a Kaggle token") as caught:
        parse_and_run(BUNDLE, ["entry.py", "--include", "pk/*", "-o", out, *words])
    assert not (folder / out).exists()
    assert not any(secret in str(caught.value) for secret in (KEY, TOKEN, PAIR))
