"""kernel-metadata.json as `init` fills it in: once, and the user's from then on."""

import json
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.on_kaggle.init import fill_metadata
from lib.kaggle.metadata import load_metadata, slugify
from tests.kaggle_place import METADATA

FRESH = {**METADATA, "id": "your-kaggle-name/tiny-test-kernel"}


def write(root: Path, fields: dict[str, object]) -> Path:
    path = root / "kernel-metadata.json"
    path.write_text(json.dumps(fields))
    return path


def test_the_placeholder_of_the_pages_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, FRESH)
    before = path.read_bytes()
    with pytest.raises(InputError, match="stands for yours"):
        fill_metadata(tmp_path, "YOUR-KAGGLE-NAME", None)
    assert path.read_bytes() == before


def test_owner_is_filled_in_and_all_else_stays(tmp_path: Path) -> None:
    path = write(tmp_path, FRESH)
    fill_metadata(tmp_path, "ada", None)
    assert json.loads(path.read_text()) == {**FRESH, "id": "ada/tiny-test-kernel"}


def test_file_that_the_user_edited_stays_as_edited(tmp_path: Path) -> None:
    path = write(tmp_path, FRESH)
    fill_metadata(tmp_path, "ada", None)
    edited = {**json.loads(path.read_text()), "enable_gpu": False, "keywords": ["gan"]}
    write(tmp_path, edited)
    fill_metadata(tmp_path, "ada", None)
    assert json.loads(path.read_text()) == edited


def test_other_owner_does_not_overwrite_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, METADATA)
    with pytest.raises(InputError, match="already has an owner"):
        fill_metadata(tmp_path, "bob", None)
    assert json.loads(path.read_text()) == METADATA


@pytest.mark.parametrize("slug", ["my-second-try", "kernel2", "a1-b2-c3"])
def test_slug_changes_title_and_id_together(tmp_path: Path, slug: str) -> None:
    write(tmp_path, FRESH)
    fill_metadata(tmp_path, "ada", slug)
    metadata = load_metadata(tmp_path / "kernel-metadata.json")
    assert (metadata.ref, slugify(metadata.title)) == (f"ada/{slug}", slug)


@pytest.mark.parametrize(
    ("owner", "slug"),
    [
        ("ada", "My-Kernel"),
        ("ada", "four"[:4]),
        ("ada", "2nd-try"),
        ("ada", "a--b--c"),
        ("ada", "my_kernel"),
        ("ada", "caf\u00e9-kernel"),
        ("ada", "../../etc"),
        ("ada/x", None),
        ("", None),
        ("a b", None),
    ],
)
def test_name_that_kaggle_would_bend_is_refused_and_nothing_is_written(
    tmp_path: Path, owner: str, slug: str | None
) -> None:
    path = write(tmp_path, FRESH)
    with pytest.raises(InputError, match=r"got [\s\S]*cure"):
        fill_metadata(tmp_path, owner, slug)
    assert json.loads(path.read_text()) == FRESH


def test_title_that_makes_another_slug_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {**FRESH, "title": "Tiny  Test: the Kernel"})
    with pytest.raises(InputError, match=r"whose slug is 'tiny-test-the-kernel'"):
        fill_metadata(tmp_path, "ada", None)
