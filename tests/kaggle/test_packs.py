"""`sweep --pack` typed at a prompt: one version with two variants, each with its row and scores."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.commands.on_kaggle.submit import SUBMIT
from lib.kaggle.runs_table import fold_events
from lib.kaggle.sweeps.packs import (
    choose_variant,
    list_fetched,
    list_variants,
    narrow_push,
    split_variant,
)
from lib.kaggle.workspace import ROOT, Workspace
from tests.kaggle_place import make_outputs
from tests.kaggle_prompt import Prompt, open_prompt
from tests.kaggle_state import Version

FOUR = ("--recipe", "pixel", "--set", "lr=1e-4,2e-4,3e-4,4e-4", "--allow-dirty")
NAMES = [f"pixel-lr-{number}e-4" for number in range(1, 5)]


def play_pack(version: Version, failing: str = "") -> None:
    """A pushed pack -> what a run of it leaves, where one variant may have failed."""
    text = version.request["text"]
    bundle = re.search(r"sha256[^:\n]*: ([0-9a-f]{64})", text)
    assert bundle
    outputs, ends = dict[str, bytes](), {}
    for name in re.findall(
        r"^# Variant \d of \d, whose files go into the folder (\S+)\.$", text, re.M
    ):
        error = "error: decode: no shards" if name == failing else ""
        ends[name] = {"valid": not error, "exit_code": int(bool(error)), "error": error}
        files = {"report.html": b"<p>"} if error else make_outputs(bundle[1])
        if not error:  # no two variants draw the same
            place = NAMES.index(name)
            csv = files["submission.csv"].replace(b"\ndig-000000,0,", b"\ndig-000000,%d," % place)
            manifest = json.loads(files["run_manifest.json"])
            manifest["artefacts"]["submission.csv"] = sha256_bytes(csv)
            files |= {"submission.csv": csv, "run_manifest.json": json.dumps(manifest).encode()}
        outputs |= {f"{name}/{file}": content for file, content in files.items()}
    digests = {name: sha256_bytes(content) for name, content in outputs.items()}
    whole = {"bundle_sha256": bundle[1], "variants": ends, "artefacts": digests}
    version.outputs = {**outputs, "run_manifest.json": json.dumps(whole).encode()}
    version.statuses = ["COMPLETE" if any(end["valid"] for end in ends.values()) else "ERROR"]
    version.events = [{"stream_name": "stdout", "time": 66.0, "data": "pack: done\n"}]


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    for prompt in open_prompt(tmp_path):
        prompt.server.play = play_pack
        prompt.build("init", "--owner", "ada")
        yield prompt


def list_packs(prompt: Prompt) -> list[str]:
    return sorted(prompt.server.versions)


def test_four_variants_take_two_kernels_and_have_four_rows(prompt: Prompt) -> None:
    both = ("--set", "depth=2")  # names no variant, for all have it
    shown = prompt.build("sweep", "--pack", *FOUR, *both, "--minutes", "30")
    assert "4 variants in 2 kernels, two kernels at a time" in shown
    assert "together they take at most 60 min" in shown
    assert "instead of 120 min" in shown
    refs = list_packs(prompt)
    assert len(refs) == 2
    assert all(re.fullmatch(r"ada/kernelpress-gan-challenge-pack-[0-9a-f]{8}", ref) for ref in refs)
    for (version,) in prompt.server.versions.values():
        assert version.request["sessionTimeoutSeconds"] == 45 * 60
    runs = fold_events(Workspace(prompt.root).read_ledger())
    assert sorted(run.name for run in runs) == NAMES
    assert {run.status for run in runs} == {"COMPLETE"}
    assert [run.push["overrides"][0] for run in sorted(runs, key=lambda run: run.name)] == [
        f"lr={number}e-4" for number in range(1, 5)
    ]
    rows = json.loads(prompt.build("runs", "--json"))
    assert {row["name"].split("/", 1)[1] for row in rows} == {f"v1/{name}" for name in NAMES}
    assert {row["fid"] for row in rows} == {12.5}
    assert {row["config"]["lr"] for row in rows} == {1e-4, 2e-4, 3e-4, 4e-4}
    prompt.build("sweep", "--pack", *FOUR, *both, "--minutes", "30")
    assert prompt.server.count("SaveKernel") == 2, "the same command goes on where it was"


def test_one_variant_that_fails_is_named_and_the_other_is_submitted(prompt: Prompt) -> None:
    bad, good = NAMES[0], NAMES[1]
    prompt.server.play = lambda version: play_pack(version, failing=bad)
    two = ("--recipe", "pixel", "--set", "lr=1e-4,2e-4", "--allow-dirty")
    failed = prompt.build("sweep", "--pack", *two, code=1)
    assert f"1 of 2 runs failed, got {bad}: error: decode: no shards" in failed
    assert "cure: their logs lie in runs/" in failed
    (ref,) = list_packs(prompt)
    slug = ref.split("/")[1]
    folder = prompt.root / "runs" / slug / "v1"
    assert (folder / good / "submission.csv").is_file()
    assert (folder / bad / "report.html").is_file()
    runs = fold_events(Workspace(prompt.root).read_ledger())
    assert {run.name: run.status for run in runs} == {bad: "ERROR", good: "COMPLETE"}
    assert f"warning: {bad} failed: error: decode" in prompt.build("fetch", f"{slug}/1")
    assert {run.name: run.status for run in runs} == {bad: "ERROR", good: "COMPLETE"}
    assert f"{bad} failed in this pack" in prompt.build(
        "submit", f"{slug}/1/{bad}", "-m", "x", code=1
    )
    told = prompt.build("submit", f"{slug}/1", "-m", "x", code=2)
    assert f"name {slug}/1/{bad} or {slug}/1/{good}" in told
    assert prompt.server.submissions == []
    prompt.build("submit", f"{slug}/1/{good}", "-m", "packed")
    (sent,) = prompt.server.submissions
    assert sent["content"] == (folder / good / "submission.csv").read_bytes()
    assert re.fullmatch(rf"packed \[{slug} v1/{good} [0-9a-f]{{12}}\]", sent["description"])
    words = ("submit", f"{slug}/1/{good}", "-m", "again", "--json")
    told = json.loads(prompt.build(*words).splitlines()[0])
    assert told["variant"] == good
    assert set(told) <= set(re.findall(r"\w+", SUBMIT.json))
    assert len(prompt.server.submissions) == 1
    runs = fold_events(Workspace(prompt.root).read_ledger())
    assert {run.name: bool(run.public) for run in runs} == {bad: False, good: True}


def test_json_of_a_pack_tells_of_the_variant_that_was_named(prompt: Prompt) -> None:
    bad, good = NAMES[0], NAMES[1]
    prompt.server.play = lambda version: play_pack(version, failing=bad)
    prompt.build(
        *("sweep", "--pack", "--recipe", "pixel"), "--set", "lr=1e-4,2e-4", "--allow-dirty", code=1
    )
    slug = list_packs(prompt)[0].split("/")[1]

    def ask(*words: str) -> Any:
        return json.loads(prompt.build(*words, "--json").splitlines()[0])

    def shorten(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["variant"], row["status"], row["metrics"].get("fid"), row["folder"]

    folder = f"runs/{slug}/v1"
    failed, fine = (
        (bad, "ERROR", None, f"{folder}/{bad}"),
        (good, "COMPLETE", 12.5, f"{folder}/{good}"),
    )
    prompt.build("submit", f"{slug}/1/{good}", "-m", "packed")
    assert shorten(ask("fetch", f"{slug}/1/{bad}")) == failed
    assert shorten(ask("watch", f"{slug}/1/{bad}")) == failed
    told = ask("watch", f"{slug}/1/{good}")
    assert (shorten(told), told["submission"]) == (fine, "COMPLETE")
    whole = ask("watch", f"{slug}/1")
    assert shorten(whole) == (None, "COMPLETE", None, folder)
    assert whole["submission"] == ""
    assert [shorten(row) for row in whole["variants"]] == [failed, fine]
    told = prompt.build("watch", f"{slug}/1/other", "--json", code=2)
    assert f"name {slug}/1/{bad} or {slug}/1/{good}" in told
    (prompt.root / "runs" / "ledger.jsonl").unlink()  # pushed from elsewhere now
    assert [shorten(row) for row in ask("fetch", f"{slug}/1")["variants"]] == [failed, fine]
    assert shorten(ask("watch", f"{slug}/1/{good}")) == fine


def test_a_changed_file_of_one_variant_is_refused(prompt: Prompt) -> None:
    def play(version: Version) -> None:
        play_pack(version)
        version.outputs[f"{NAMES[1]}/submission.csv"] += b"\n"

    prompt.server.play = play
    two = ("--recipe", "pixel", "--set", "lr=1e-4,2e-4", "--allow-dirty")
    assert "2 runs failed" in prompt.build("sweep", "--pack", *two, code=1)
    (ref,) = list_packs(prompt)
    assert not (prompt.root / "runs" / ref.split("/")[1] / "v1").exists()


def test_an_odd_variant_has_a_kernel_of_its_own_and_equal_ones_run_once(prompt: Prompt) -> None:
    """lr=1e-4 and lr=0.0001 were two runs once."""
    words = ("--recipe", "pixel", "--set", "lr=1e-4,0.0001,2e-4,3e-4", "--allow-dirty")

    def play(version: Version) -> None:
        (play_pack if "# Variant 1 of 2" in version.request["text"] else prompt._play)(version)

    prompt.server.play = play
    shown = prompt.build("sweep", "--pack", *words)
    assert "pixel lr=0.0001 is left out: it is the same as pixel lr=1e-4" in shown
    slugs = [ref.removeprefix("ada/kernelpress-gan-challenge-") for ref in list_packs(prompt)]
    assert [re.sub("[0-9a-f]{8}$", "", slug) for slug in slugs] == ["pack-", "pixel-lr-3e-4"]


def test_a_pair_that_does_not_fit_is_refused_before_any_push(prompt: Prompt) -> None:
    words = ("--recipe", "pixel,r3gan,auto,first-seed", "--allow-dirty")
    told = prompt.build("sweep", "--pack", *words, code=2)
    assert "auto and first-seed do not fit into one kernel" in told
    assert "sweep without --pack" in told
    assert prompt.server.count("SaveKernel") == 0


def test_values_whose_names_would_be_equal_get_names_of_their_own(prompt: Prompt) -> None:
    words = ("--recipe", "pixel", "--set", "lr=1e-4,1E-4,1.e-4,1e-5", "--set", "tail=1e-4,1e-3")
    prompt.server.play = prompt._play
    prompt.build("sweep", *words, "--allow-dirty")
    assert len(prompt.server.versions) == 4
    assert all(len(versions) == 1 for versions in prompt.server.versions.values())


def test_help_of_sweep_names_comma_lists(prompt: Prompt) -> None:
    told = " ".join(prompt.build("sweep", "--help").split())
    assert "one or more, as pixel,r3gan" in told
    assert "lr=1e-4,2e-4: every combination is run" in told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3/pixel-lr", ("3", "pixel-lr")),
        ("v3/pixel", ("v3", "pixel")),
        ("a-pack/12/pixel", ("a-pack/12", "pixel")),
        ("a-pack:12/pixel", ("a-pack:12", "pixel")),
        ("a-pack/12", ("a-pack/12", "")),
        ("kernel-2/3", ("kernel-2/3", "")),
        ("3", ("3", "")),
        (None, (None, "")),
        ("3/../x", ("3/../x", "")),
    ],
)
def test_the_name_behind_a_version_is_read(text: str | None, found: tuple[str | None, str]) -> None:
    assert split_variant(text) == found


@pytest.mark.parametrize(
    "variants", [None, 3, "x", [3], [{"name": 3}], [{"name": "../x"}], [{}], {"a": 1}]
)
def test_a_ledger_of_any_json_has_no_variants(variants: object) -> None:
    push = {"event": "push", "ref": "ada/x", "version": 1, "variants": variants}
    assert list_variants(push) == []
    assert narrow_push(push, "") is push
    assert [run.name for run in fold_events([push])] == [""]


def test_a_variant_of_any_project_has_its_own_label_and_facts() -> None:
    """Only facts of this repository's kernel were taken from a variant's row."""
    row = {"name": "one", "label": "a forest", "trees": 7, "ref": "x/y", "version": 9, "event": "e"}
    push = {"event": "push", "ref": "ada/x", "version": 1, "label": "both", "variants": [row]}
    (run,) = fold_events([push])
    assert (run.ref, run.version, run.name, run.label) == ("ada/x", 1, "one", "a forest")
    assert narrow_push(push, "one") == {**push, "label": "a forest", "trees": 7}


def test_the_loop_knows_no_recipe_and_no_fid() -> None:
    words = re.compile(r"recipe|overrides|weights_file|\bfid\b|--set\b", re.IGNORECASE)
    sources = sorted((ROOT / "lib" / "kaggle").rglob("*.py"))
    assert [path.name for path in sources if words.search(path.read_text())] == []


def test_the_name_of_a_variant_is_asked_for_and_checked() -> None:
    pack = {"variants": [{"name": "one"}, {"name": "two"}]}
    assert choose_variant(pack, "one", "ada/x", 3) == "one"
    assert choose_variant({"recipe": "pixel"}, "", "ada/x", 3) == ""
    assert choose_variant(None, "one", "ada/x", 3) == "one"  # pushed from elsewhere
    for name in ("", "three"):
        with pytest.raises(InputError, match=r"name x/3/one or x/3/two"):
            choose_variant(pack, name, "ada/x", 3)
    with pytest.raises(InputError, match="a run of its own"):
        choose_variant({"recipe": "pixel"}, "one", "ada/x", 3)


@pytest.mark.parametrize("told", [None, [], {"a": 3}, {"../a": {"valid": True}}, {"A b": {}}])
def test_a_manifest_of_any_json_has_no_variants(tmp_path: Path, told: object) -> None:
    (tmp_path / "run_manifest.json").write_text(json.dumps({"variants": told}))
    assert list_fetched(tmp_path) == []
