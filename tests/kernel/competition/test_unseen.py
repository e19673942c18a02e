"""Real images kept from every generator: which they are, where they are not, what they show."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.base.run_files import MANIFEST
from lib.kernel.competition import unseen
from lib.kernel.competition.contract import UNSEEN_MARK, Images
from lib.kernel.competition.gan_challenge import submission, submission_table
from lib.kernel.competition.gan_challenge.competition import hash_input, read_images
from lib.kernel.competition.gan_challenge.dataset import Decoded, decode_dataset
from lib.kernel.competition.unseen import Aside, part_images, set_aside
from lib.kernel.configuration.aliases import name_in_caches
from lib.kernel.configuration.config import OFFICIAL, Config
from lib.kernel.configuration.folders import Folders
from lib.kernel.metrics import features
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.training import resume
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.local_runs import write_input
from tests.whole_run import run_kernel

IDS = [f"id {k}" for k in range(12_345)]
PIXEL = make_config("pixel", {})


class Means(torch.nn.Module):
    """In Inception's place: 2 x 2 means of the enlarged picture, 12 features."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(pictures, 2).flatten(1)


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve features instead of 2,048, by a network that costs nothing."""
    for module in (features, submission, submission_table):
        monkeypatch.setattr(module, "FEATURES", 12)
    for module in (submission, submission_table):
        monkeypatch.setattr(module, "HEADER", ["id", *(f"f{column}" for column in range(12))])
    monkeypatch.setattr(features, "load_inception", lambda *_, **__: Means())
    monkeypatch.setattr(drawing, "CHUNK", 16)


def choose(ids: list[str], folder: Path, **changes: Any) -> unseen.Aside:
    """Ids -> what is set aside of them, by a new training folder."""
    recipe = changes.pop("recipe", "pixel")
    config, work = make_config(recipe, changes), folder / "never made" / str(len(ids))
    return set_aside(ids, load_recipe(recipe), config, work)


@pytest.mark.parametrize(
    ("count", "expected"), [(4_999, 0), (5_000, 1_000), (9_999, 1_000), (12_345, 1_234)]
)
def test_a_tenth_at_least_1000_of_5000_or_more(count: int, expected: int, tmp_path: Path) -> None:
    aside = choose(IDS[:count], tmp_path)
    assert len(aside.ids) == expected
    assert aside.ids <= set(IDS[:count])
    words = f"{expected:,} real images, drawn at random, are kept" if expected else "there are 4,99"
    assert words in aside.note


def test_the_draw_is_random_by_the_seed_alone(tmp_path: Path) -> None:
    one = choose(IDS, tmp_path / "one")
    assert one == choose(IDS, tmp_path / "two")
    assert one == choose(IDS, tmp_path / "three", recipe="r3gan", steps=7)
    other = choose(IDS, tmp_path / "four", seed=1)
    assert 60 < len(one.ids & other.ids) < 190  # 123 by chance
    places = [IDS.index(name) for name in one.ids]
    assert 5_700 < np.mean(places) < 6_650  # not from one end


@pytest.mark.parametrize("recipe", ["first-seed", "second-seed"])
def test_public_recipes_train_on_all_and_say_so(recipe: str, tmp_path: Path) -> None:
    aside = choose(IDS, tmp_path, recipe=recipe)
    assert not aside.ids
    assert f"kept from training: recipe {recipe} trains on all, as described" in aside.note


def test_images_of_one_id_go_together_and_a_repeated_id_takes_not_all(tmp_path: Path) -> None:
    pairs = [name for name in IDS[:4_000] for _ in range(2)]
    aside = choose(pairs, tmp_path)
    assert len(aside.ids) == 500
    triples = [name for name in IDS[:2_000] for _ in range(3)]
    assert len(choose(triples, tmp_path / "triples").ids) == 334  # 1,002 images
    assert not choose(["the same"] * 6_000, tmp_path).ids
    mixed = choose(["the same"] * 3_000 + IDS[:3_000], tmp_path)
    assert len(mixed.ids) == 1_000
    assert "the same" not in mixed.ids


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,300 records, some of them broken, a few cut short or all white."""
    folder = tmp_path_factory.mktemp("many")
    pictures = look_alike(5_300, seed=4)
    pictures[::50] = 255  # blank: policy second-seed drops them
    write_shards(pictures, folder / "input", seed=4, chaos=0.03)
    return folder


def by_id(decoded: Decoded) -> dict[str, np.ndarray]:
    return dict(zip(decoded.load_ids(), decoded.load_images(), strict=True))


def decode(source: Path, config: Config, work: Path) -> Images:
    digest, recipe = hash_input(source / "input"), load_recipe(config.recipe)
    return read_images(source / "input", source / "cache", recipe, config, digest, work)


def decode_all(source: Path, policy: str) -> Decoded:
    """All images of a policy, whatever is set aside; `decode` has left them in the cache."""
    folder = f"decoded-{hash_input(source / 'input')[:12]}-{name_in_caches(policy)}"
    assert (source / "cache" / folder).is_dir()
    return decode_dataset(source / "input", source / "cache" / folder, policy)


@pytest.mark.parametrize("policy", [OFFICIAL, "second-seed"])
def test_what_is_set_aside_is_in_neither_side(policy: str, source: Path, tmp_path: Path) -> None:
    """By id: the two decodings keep different records."""
    config = make_config("pixel", {"policy": policy})
    images = decode(source, config, tmp_path / "train")
    host, own = decode_all(source, OFFICIAL), decode_all(source, policy)
    aside = set_aside(host.load_ids(), load_recipe("pixel"), config, tmp_path / "train").ids
    assert len(images.unseen) == len(aside) == 1_000
    for decoded, kept, away in (
        (host, images.real, images.unseen),
        (own, images.training, images.unseen_own),
    ):
        everything = by_id(decoded)
        assert len(kept) + len(away) == len(everything)
        away_ids = [name for name in everything if name in aside]
        kept_ids = [name for name in everything if name not in aside]
        for part, names in ((kept, kept_ids), (away, away_ids)):
            expected = np.stack([everything[name] for name in names])
            assert np.array_equal(part, expected[:, : part.shape[1]])
    assert (len(images.unseen_own) < 1_000) == (policy == "second-seed")
    assert images.unseen_own.shape[1] == images.training.shape[1] == 1


def test_few_or_public_keep_all(source: Path, tmp_path: Path) -> None:
    config = make_config("first-seed", {})
    images = decode(source, config, tmp_path / "train")
    assert len(images.unseen) == len(images.unseen_own) == 0
    assert len(images.real) == decode_all(source, OFFICIAL).kept
    assert len(images.training) == decode_all(source, config.policy).kept
    assert images.metrics["fid_unseen"] is None
    assert not (tmp_path / "train").exists()


def test_a_training_folder_from_before_the_rule_keeps_all(source: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / "checkpoint_00000010.pt").touch()
    images = decode(source, PIXEL, older)
    assert len(images.training) == decode_all(source, OFFICIAL).kept
    assert "saw all of them already" in images.unseen_note
    assert not (older / UNSEEN_MARK).exists()  # and so it stays for whatever goes on from it
    marked = tmp_path / "marked"
    assert len(decode(source, PIXEL, marked).unseen) == 1_000
    assert len(decode(source, PIXEL, marked).unseen) == 1_000  # resumed
    (marked / "checkpoint_00000010.pt").touch()
    assert len(decode(source, PIXEL, marked).unseen) == 1_000  # trained by now
    other = dataclasses.replace(PIXEL, seed=5)
    assert "saw all of them" in decode(source, other, marked).unseen_note


def test_ids_keep_their_places_whatever_a_folder_is_called(tmp_path: Path) -> None:
    """Records without an id are named by file and line."""
    write_shards(look_alike(30, seed=1), tmp_path / "in", seed=1, records_per_shard=10, chaos=0)
    for shard in (tmp_path / "in").rglob("data.jsonl"):
        shard.write_text(shard.read_text().replace('"id"', '"other"'))
    (tmp_path / "in" / "shard_01").rename(tmp_path / "in" / "shard\n01")
    decoded = decode_dataset(tmp_path / "in", tmp_path / "out")
    assert len(set(decoded.load_ids())) == decoded.kept == 30
    kept, away = part_images(
        decoded.load_images(), decoded.load_ids(), Aside(frozenset(["shard\\n01/data.jsonl:3"]), "")
    )
    place = decoded.load_ids().index("shard\\n01/data.jsonl:3")
    assert np.array_equal(away[0], decoded.load_images()[place])
    assert len(kept) == 29


@pytest.fixture
def small_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule for a run of 24 records: from 12 on, 6 are set aside."""
    for name, value in (("FROM", 12), ("LEAST", 6)):
        monkeypatch.setattr(unseen, name, value)


@pytest.fixture
def run(tmp_path: Path, small_rule: None, small_network: None) -> Callable[..., dict[str, Any]]:
    """A whole run of 24 records in a folder of a name -> its metrics."""
    write_input(tmp_path / "input")
    sizes = {"batch": 4, "width": 16, "depth": 1, "pool": 16, "samples": 12, "floor_draws": 2}

    def execute(name: str, steps: int = 4, recipe: str = "pixel") -> dict[str, Any]:
        changes = {**sizes, "steps": steps, "weights_file": "random", "sweep": False}
        if recipe == "first-seed":
            changes = {key: changes[key] for key in changes.keys() - {"depth", "sweep"}}
        config = make_config(recipe, changes)
        scratch, cache = tmp_path / f"{name}.scratch", tmp_path / "cache"
        folders = Folders(tmp_path / "input", tmp_path / name, scratch, cache)
        return run_kernel(config, load_recipe(recipe), folders)

    return execute


def test_a_whole_run_reports_them_and_its_continuations_keep_to_them(
    run: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run("first")
    assert first["unseen"] == first["unseen_measured"] == 6
    assert np.isfinite([first["fid_unseen"], first["fid_unseen_random"]]).all()
    page = (tmp_path / "first" / "report.html").read_text()
    for words in (
        "FID, unseen real images",
        "6 real images, drawn at random",
        "copies its training",
    ):
        assert words in page
    again = run("again")
    assert again["fid_unseen"] == first["fid_unseen"]
    csv = "submission.csv"
    assert (tmp_path / "again" / csv).read_bytes() == (tmp_path / "first" / csv).read_bytes()

    attached = tmp_path / "input" / "first-version"
    shutil.copytree(tmp_path / "first", attached)
    second = run("second", steps=6)
    assert "goes on from step 4" in capsys.readouterr().out
    assert second["unseen"] == 6
    assert np.isfinite(second["fid_unseen"])
    assert (tmp_path / "second" / resume.STATE / UNSEEN_MARK).exists()

    (attached / resume.STATE / UNSEEN_MARK).unlink()  # as a version from before the rule left it
    third = run("third", steps=6)
    said = capsys.readouterr().out
    assert "goes on from step 4" in said
    assert "unseen: No real images are kept from training: the training that this run" in said
    assert third["fid_unseen"] is None
    assert third["unseen"] == 0
    assert "saw all of them already" in third["unseen_note"]
    assert third["unseen_note"] in (tmp_path / "third" / "report.html").read_text()
    assert not (tmp_path / "third" / resume.STATE / UNSEEN_MARK).exists()


def test_a_run_started_before_the_rule_ends_without_the_claim(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run("older")
    (tmp_path / "older" / MANIFEST).unlink()
    (tmp_path / "older.scratch" / "train" / UNSEEN_MARK).unlink()
    metrics = run("older")
    assert metrics["fid_unseen"] is None
    assert "saw all of them already" in metrics["unseen_note"]


def test_a_public_recipe_reports_none(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    metrics = run("public", recipe="first-seed")
    assert metrics["fid_unseen"] is None
    assert "recipe first-seed trains on all, as described" in metrics["unseen_note"]
    assert metrics["unseen_note"] in (tmp_path / "public" / "report.html").read_text()


def test_no_choice_and_no_floor_looks_at_them(
    run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise in their place changes what is said of them and nothing else."""
    honest = run("honest")
    part = unseen.part_images

    def spoil(images: np.ndarray, ids: list[str], aside: Aside) -> tuple[np.ndarray, np.ndarray]:
        kept, away = part(images, ids, aside)
        return kept, np.random.default_rng(0).integers(0, 256, away.shape, dtype=np.uint8)

    monkeypatch.setattr("lib.kernel.competition.gan_challenge.competition.part_images", spoil)
    spoilt = run("spoilt")
    about_time = {"seconds", "images_per_s", "judged", "training", "verdict"}
    about_them = {key for key in honest if "unseen" in key} | {"details", "score_notes"}
    for key in honest.keys() - about_time - about_them:
        assert spoilt[key] == honest[key], key
    assert spoilt["fid_unseen"] != honest["fid_unseen"]
