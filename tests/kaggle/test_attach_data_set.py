"""dataset_sources of kernel-metadata.json with one more entry, and every other byte as it was."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import InputError
from lib.kaggle.attach_data_set import attach_data_set, replace_list
from lib.kaggle.metadata import load_metadata
from tests.kaggle_place import METADATA

SOURCE = "ada/tiny-weights"


def write(folder: Path, text: str) -> Path:
    path = folder / "kernel-metadata.json"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1, "SOURCES": [], "b": [1,2]}', '{"a": 1, "SOURCES": ["x/y"], "b": [1,2]}'),
        ('{"SOURCES":["u/v"]}\n', '{"SOURCES":["x/y"]}\n'),
        (
            '{\r\n\t"SOURCES": [],\r\n"b":  2}',
            '{\r\n\t"SOURCES": [\r\n\t\t"x/y"\r\n\t],\r\n"b":  2}',
        ),
        ('{\n   "SOURCES": [\n "u/v"\n ]\n}', '{\n   "SOURCES": [\n      "x/y"\n   ]\n}'),
        ("{}", '{"SOURCES": ["x/y"]}'),
        ('{\n "a": "é\\u00e9 }"\n}', '{\n "a": "é\\u00e9 }",\n "SOURCES": [\n  "x/y"\n ]\n}'),
        ('\ufeff{"SOURCES": []}', '\ufeff{"SOURCES": ["x/y"]}'),
        ('{"b": {"SOURCES": [7]}, "SOURCES": []}', '{"b": {"SOURCES": [7]}, "SOURCES": ["x/y"]}'),
    ],
)
def test_only_the_list_changes(before: str, after: str) -> None:
    assert replace_list(before, "SOURCES", ["x/y"]) == after


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text(), st.none() | st.text() | st.lists(st.integers(), max_size=2), max_size=4
    ),
    st.lists(st.text(), max_size=3),
    st.sampled_from([None, 1, 2, "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_object_says_the_same_but_for_the_list(
    fields: dict[str, object], entries: list[str], indent: int | str | None, newline: str
) -> None:
    text = json.dumps(fields, indent=indent, ensure_ascii=False).replace("\n", newline)
    changed = replace_list(text, "dataset_sources", entries)
    assert json.loads(changed) == {**fields, "dataset_sources": entries}
    assert list(json.loads(changed)) == list({**fields, "dataset_sources": entries})
    assert replace_list(changed, "dataset_sources", entries) == changed


def test_second_time_nothing_changes(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(METADATA, indent=2) + "\n")
    assert attach_data_set(path, SOURCE) == "ada/tiny-weights was added"
    first = path.read_bytes()
    changed = {**METADATA, "dataset_sources": [SOURCE]}
    assert first.decode() == json.dumps(changed, indent=2) + "\n"
    assert attach_data_set(path, SOURCE) == ""
    assert attach_data_set(path, SOURCE.upper()) == ""
    assert path.read_bytes() == first


def test_another_version_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**METADATA, "dataset_sources": ["u/v", f"{SOURCE}/1"]}))
    assert attach_data_set(path, SOURCE) == "ada/tiny-weights/1 became ada/tiny-weights"
    assert attach_data_set(path, f"{SOURCE}/2") == "ada/tiny-weights became ada/tiny-weights/2"
    assert load_metadata(path).dataset_sources == ("u/v", f"{SOURCE}/2")


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target = write(tmp_path / "far", json.dumps(METADATA))
    link = tmp_path / "kernel-metadata.json"
    link.symlink_to(target)
    attach_data_set(link, SOURCE)
    assert link.is_symlink()
    assert load_metadata(target).dataset_sources == (SOURCE,)


@pytest.mark.parametrize("text", ["", "[]", '{"dataset_sources": 5}', "{"])
def test_file_that_is_none_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match="metadata"):
        attach_data_set(path, SOURCE)
    assert path.read_text() == text
