"""kernel-metadata.json: what Kaggle would refuse, bend or silently misread is an error here."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from slugify import slugify as client_slugify  # what the kaggle client asks

from lib.base.errors import InputError
from lib.commands.on_kaggle.init import fill_metadata
from lib.kaggle.metadata import check_metadata, demand_owner, load_metadata, slugify
from lib.kaggle.metadata_fields import parse_metadata
from tests.kaggle_place import METADATA

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, **changes: object) -> Path:
    """Changes of a good file -> the file in the folder; a field given as ... is left out."""
    fields = {key: value for key, value in {**METADATA, **changes}.items() if value is not ...}
    path = folder / "kernel-metadata.json"
    path.write_text(json.dumps(fields))
    return path


def check(folder: Path, for_push: bool = False, **changes: object) -> list[str]:
    return check_metadata(load_metadata(write(folder, **changes)), folder, for_push)


def test_committed_file_is_what_the_competition_needs() -> None:
    metadata = load_metadata(ROOT / "kernel-metadata.json")
    assert metadata.competition_sources == ("test-gan-competition",)
    assert metadata.dataset_sources == metadata.kernel_sources == metadata.model_sources == ()
    assert (metadata.enable_gpu, metadata.enable_internet) == (True, True)
    assert (metadata.enable_tpu, metadata.is_private) == (False, True)
    assert metadata.machine_shape == "NvidiaTeslaT4"
    assert metadata.code_file == "build/kernel.py"


def test_placeholder_owner_warns_in_a_build_and_stops_a_push(tmp_path: Path) -> None:
    metadata = load_metadata(ROOT / "kernel-metadata.json")
    assert "init --owner" in check_metadata(metadata, ROOT, for_push=False)[0]
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "kernel.py").write_text("x")
    with pytest.raises(InputError, match="init --owner"):
        check_metadata(metadata, tmp_path, for_push=True)
    with pytest.raises(InputError, match="init --owner"):
        demand_owner(metadata)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "\ud800", "\0", "[" * 100_000])
def test_file_that_is_no_object_is_told_with_a_cure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kernel-metadata.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InputError, match=r"kernel-metadata.json cannot be read.*\n.*mend it"):
        load_metadata(path)


def test_good_file_passes_without_a_warning(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "tiny-test-kernel"},
        {"id": "ada/tiny-test-kernel/2"},
        {"id": "/tiny-test-kernel"},
        {"id": 5},
        {"id": ...},
        {"id": "ada/tiny_test_kernel"},
        {"id": "ada/abcd", "title": "Abcd"},
        {"id": "ada/1st-kernel", "title": "1st Kernel"},
        {"id": "a da/tiny-test-kernel"},
        {"title": "Another Title"},
        {"title": "Tiny Tést Kernel"},
        {"title": "Tiny\tTest Kernel"},
        {"title": ""},
        {"title": ...},
        {"code_file": "kernel.py"},
        {"code_file": "build/../kernel.py"},
        {"code_file": "/etc/passwd"},
        {"code_file": "build"},
        {"code_file": "build/kernel.ipynb"},
        {"code_file": "build/\x00.py"},
        {"language": "r"},
        {"kernel_type": "scripts"},
        {"kernel_type": "notebook"},
        {"is_private": "true"},
        {"enable_gpu": 1},
        {"enable_internet": "false"},
        {"enable_internet": ...},
        {"enable_tpu": True},
        {"machine_shape": ...},
        {"machine_shape": 4},
        {"competition_sources": None},
        {"competition_sources": "test-gan-competition"},
        {"competition_sources": ["a/b"]},
        {"dataset_sources": ["inception"]},
        {"dataset_sources": [5]},
        {"kernel_sources": ["a/b/c"]},
        {"model_sources": ["google/gemma/pytorch/2b"]},
        {"model_sources": ["google/gemma/pytorch/2b/one"]},
        {"id_no": "12"},
        {"id_no": True},
    ],
    ids=str,
)
def test_mistake_names_its_field(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        check(tmp_path, **changes)
    assert caught.value.exit_code == 2
    assert caught.value.cure
    field = next(iter(changes))
    names = {"enable_tpu": "enable_tpu", "kernel_type": "kernel_type|code_file"}.get(field, field)
    assert any(name in str(caught.value) for name in names.split("|")), str(caught.value)


def test_good_variants_pass(tmp_path: Path) -> None:
    sources = {
        "dataset_sources": ["ada/inception"],
        "kernel_sources": ["ada/other-kernel"],
        "model_sources": ["google/gemma/pytorch/2b-it/1"],
        "code_file": "build/deep/kernel.py",
        "id_no": 12,
    }
    assert check(tmp_path, **sources) == []
    assert check(tmp_path, enable_gpu=False, machine_shape=...) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\udcff", "[" * 99999])
def test_file_that_is_no_object_is_a_mistake(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kernel-metadata.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"kernel-metadata\.json.*expected a JSON object, got"):
        load_metadata(path)
    path.unlink()
    with pytest.raises(InputError, match="there is no such file"):
        load_metadata(path)


@pytest.mark.parametrize("link", ["build/kernel.py", "build"])
def test_symbolic_link_is_refused(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kernel.py").write_text("secret")
    path = tmp_path / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / "kernel.py" if link.endswith(".py") else outside)
    with pytest.raises(InputError, match="symbolic link"):
        check(tmp_path)


def test_push_needs_a_code_file_below_the_limit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run python build\.py"):
        check(tmp_path, for_push=True)
    (tmp_path / "build").mkdir()
    kernel = tmp_path / "build" / "kernel.py"
    kernel.write_bytes(b"#" * 900_001)
    with pytest.raises(InputError, match="900,001"):
        check(tmp_path, for_push=True)
    kernel.write_bytes(b"#" * 900_000)
    assert check(tmp_path, for_push=True) == []


def test_warnings_name_what_would_surprise(tmp_path: Path) -> None:
    (unknown,) = check(tmp_path, dataset_source=[])
    assert "'dataset_source'" in unknown
    assert "dataset_sources" in unknown
    assert "P100" in check(tmp_path, machine_shape="NvidiaTeslaP100")[0]
    assert "no data" in check(tmp_path, competition_sources=[])[0]


@given(
    st.sampled_from(sorted(METADATA)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
@example("dataset_sources", ["ada/inception", "ada/other"])
@example("title", "Another Title")
def test_any_value_of_a_field_passes_or_is_a_mistake(key: str, value: object) -> None:
    refused = None
    try:
        metadata = parse_metadata({**METADATA, key: value})
        check_metadata(metadata, Path("/nowhere"), for_push=False)
    except InputError as error:
        refused = error
    if refused:
        assert (str(refused).split(":")[0], bool(refused.cure)) == ("metadata", True)
    else:
        read = metadata.ref if key == "id" else getattr(metadata, key)
        assert read == (tuple(value) if isinstance(value, list) else value or type(read)())


@given(st.text(alphabet=string.ascii_letters + string.digits + " -_.:!()+/", max_size=40))
def test_slug_is_the_one_that_the_client_expects(title: str) -> None:
    assert slugify(title) == client_slugify(title)


def test_init_fills_in_the_owner_and_keeps_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path, id="your-kaggle-name/tiny-test-kernel", keywords=["gan"])
    fill_metadata(tmp_path, "ada", None)
    fields = json.loads(path.read_text())
    assert fields == {**METADATA, "id": "ada/tiny-test-kernel", "keywords": ["gan"]}
    assert list(fields) == [*METADATA, "keywords"]
    fill_metadata(tmp_path, "ada", "my-own-slug")
    fields = json.loads(path.read_text())
    assert (fields["id"], fields["title"]) == ("ada/my-own-slug", "My Own Slug")
    assert check_metadata(load_metadata(path), tmp_path, for_push=False) == []


def test_init_does_not_overwrite_another_owner_or_write_nonsense(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.read_bytes()
    for owner, slug, words in (
        ("bob", None, "already has an owner, got ada"),
        ("ada", "ab", "expected a slug of 5 or more .*, got .ab"),
        ("ada", "Ungültig", "expected a slug of 5 or more .*, got .Ungültig"),
    ):
        with pytest.raises(InputError, match=words):
            fill_metadata(tmp_path, owner, slug)
    assert path.read_bytes() == before
