"""base.input_walk: each folder and file of an input once, through links, whatever lies there."""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from lib.base import input_walk
from lib.base.errors import InputError
from lib.base.input_walk import InputWalk, find_files
from lib.kernel.competition.gan_challenge.shards import find_shards, search_shards
from lib.kernel.competition.images.input_files import EARLIER, HIDDEN, walk_input
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.report.provenance import identify
from lib.kernel.training.checkpoint import save_checkpoint
from lib.kernel.training.resume import STATE, import_state

pytestmark = pytest.mark.ships

MOUNTS = ("slug", "competitions/slug", "datasets/owner/slug", "notebooks/owner/slug", "models/o/m")


def write(root: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def list_all(root: Path) -> list[str]:
    return [folder.place(name) for folder in InputWalk(root).enter() for name in folder.files]


def test_files_come_before_the_folders_beside_them_and_both_sorted(tmp_path: Path) -> None:
    names = ["z", "a/z", "a/b/c", "ab", "a/c", "B", "a.d/x"]
    random.Random(1).shuffle(names)
    write(tmp_path, *names)
    assert list_all(tmp_path) == ["B", "ab", "z", "a/c", "a/z", "a/b/c", "a.d/x"]


def test_folders_come_once_and_loops_of_links_end(tmp_path: Path) -> None:
    root = tmp_path / "up" / "input"
    write(tmp_path / "store", "d/x")
    write(tmp_path / "up" / "beside", "y")
    for name in ("a", "competitions/a"):
        link(root / name, tmp_path / "store")
    link(tmp_path / "store/d/back", root)
    link(tmp_path / "store/d/above", tmp_path / "up")  # what holds the input is no part of it
    link(tmp_path / "store/d/all", Path("/"))
    link(root / "itself", root / "itself")
    link(root / "broken", tmp_path / "missing")
    assert list_all(root) == ["broken", "a/d/x"]
    faults = [fault for folder in InputWalk(root).enter() for fault in folder.faults]
    assert faults == [("itself", "the link cannot be followed (Too many levels of symbolic links)")]


def test_a_tree_that_is_deeper_than_any_path_is_read_as_far_as_paths_go(tmp_path: Path) -> None:
    deep, start = 1500, os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(deep):
            os.mkdir("deep")
            os.chdir("deep")
        Path("data.jsonl").write_bytes(b"{}\n")
    finally:
        os.chdir(start)
    write(tmp_path, "zz/data.jsonl", content=b"{}\n")
    assert [shard.label for shard in find_shards(tmp_path)] == ["zz/data.jsonl"]
    (fault,) = search_shards(tmp_path).faults
    assert fault.reason == "the folder cannot be read (File name too long)"
    assert find_files(tmp_path, "data.jsonl") == [tmp_path / "zz/data.jsonl"]
    assert any("too long" in file.fault for file in walk_input(tmp_path))
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)  # shutil cannot, nor pytest


def test_a_walk_ends_after_so_many_folders_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(f"{number}/data.jsonl" for number in range(9)), content=b"{}\n")
    monkeypatch.setattr(input_walk, "_MOST", 4)
    found = search_shards(tmp_path)
    assert [shard.label for shard in found.shards] == [f"{n}/data.jsonl" for n in range(3)]
    assert [tuple(fault) for fault in found.faults] == [
        ("3/", "what is here and behind it is not looked at: there are too many folders")
    ]


def test_a_file_behind_an_unreadable_name_is_found_by_the_name_of_its_link(tmp_path: Path) -> None:
    """As caches of downloads lie: content under its hash, names as links to it."""
    write(tmp_path, ".blobs/aa", "blobs/bb", content=b"{}\n")
    link(tmp_path / "snapshots/one/data.jsonl", tmp_path / "blobs/bb")
    link(tmp_path / "snapshots/two/a.png", tmp_path / ".blobs/aa")
    link(tmp_path / "whole", tmp_path / ".blobs")
    assert [shard.label for shard in find_shards(tmp_path)] == ["snapshots/one/data.jsonl"]
    read = {file.name for file in walk_input(tmp_path) if not file.left_out}
    assert read == {"blobs/bb", "snapshots/two/a.png"}
    assert find_files(tmp_path, "data.jsonl") == [tmp_path / "snapshots/one/data.jsonl"]


def test_what_is_left_out_is_told_once_and_does_not_hide_what_is_read(tmp_path: Path) -> None:
    write(tmp_path, "earlier/run_manifest.json", "earlier/s/c.png", ".git/x.png", "data/a.png")
    link(tmp_path / "earlier/again", tmp_path / "data")
    found = {file.name: file.left_out for file in walk_input(tmp_path)}
    assert found == {
        ".git/x.png": HIDDEN,
        "data/a.png": "",
        "earlier/run_manifest.json": EARLIER,
        "earlier/s/c.png": EARLIER,
    }


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("is_link", [True, False])
def test_all_three_find_theirs_in_every_mount(tmp_path: Path, mount: str, is_link: bool) -> None:
    source, store = tmp_path / "input", tmp_path / "store"
    place = store if is_link else source / mount
    write(place, "s/data.jsonl", content=b"{}\n")
    write(place, "w/weights.pth", content=b"w")
    recipe = load_recipe("pixel")
    identity = identify(make_config("pixel", {}), recipe, "ab" * 32)
    write_state(place / "run", identity, 7.0)
    if is_link:
        link(source / mount, store)
    assert [shard.label for shard in find_shards(source)] == [f"{mount}/s/data.jsonl"]
    found = find_weights("weights.pth", "", None, source, allow_download=False)
    assert found == source / mount / "w/weights.pth"
    assert import_state(source, tmp_path / "work", recipe, identity, on_gpu=False) == 7.0


def write_state(folder: Path, identity: dict[str, object], seconds: float) -> None:
    (folder / STATE).mkdir(parents=True)
    save_checkpoint(folder / STATE, 1, {"standing": {"seconds": seconds}})
    (folder / "run_manifest.json").write_text(json.dumps({**identity, "device": "cpu"}))


@pytest.mark.parametrize("mount", ["", *MOUNTS])
def test_an_empty_mount_says_push_again(tmp_path: Path, mount: str) -> None:
    """The first run after a source was attached may find its folder empty."""
    (tmp_path / mount).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError) as caught:
        find_shards(tmp_path)
    named = mount or "it"
    assert caught.value.cure.startswith(f"push again, for a first run may find {named} empty (")


def test_an_input_of_other_files_does_not_say_push_again(tmp_path: Path) -> None:
    write(tmp_path, "slug/readme.txt")
    with pytest.raises(InputError) as caught:
        find_shards(tmp_path)
    assert "push again" not in caught.value.cure
