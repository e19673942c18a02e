"""competition.images: what the run is handed, and a whole run of the built kernel."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.competition import COMPETITION, glance, hash_input, read_images
from lib.kernel.recipes.table import load_recipe, make_config
from tests.kernel.competition.images.pictures import draw, encode, write_folder
from tests.local_runs import QUICK, ROOT, call, copy_sources, list_options

pytestmark = pytest.mark.ships

NAME = COMPETITION.rules.name


def test_a_glance_sees_the_first_pictures_and_counts_as_far_as_asked(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 5)
    (folder / "000.png").write_bytes(b"broken")
    seen = glance(folder, make_config("pixel", {}, NAME), 100)
    assert (seen.images.shape, seen.records) == ((4, 3, 32, 32), 5)
    np.save(tmp_path / "x.npy", draw(9000, 8, 8))
    assert glance(tmp_path / "x.npy", make_config("pixel", {}, NAME), 10).records == 4096


@pytest.mark.parametrize("recipe", ["pixel", "first-seed"])
def test_grey_pictures_have_the_channels_that_the_recipe_wants(tmp_path: Path, recipe: str) -> None:
    np.save(tmp_path / "x.npy", draw(9, 30, 30))
    own, config = load_recipe(recipe, NAME), make_config(recipe, {}, NAME)
    places = (tmp_path / "cache", own, config, hash_input(tmp_path), tmp_path / "train")
    images = read_images(tmp_path, *places)
    COMPETITION.check(images, 32)
    assert images.training.shape == (9, own.channels or 1, 32, 32)
    assert images.metrics["kept"] == 9
    assert images.metrics["grey"] is True
    assert images.metrics["notes"] == {"smaller than image_px and enlarged": 9}
    assert [path.name[-5:] for path in (tmp_path / "cache").iterdir()] == ["-32px"]


def test_a_tenth_of_many_pictures_is_set_aside(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", draw(5500, 32, 32, 3))
    own, config = load_recipe("pixel", NAME), make_config("pixel", {}, NAME)
    places = (tmp_path / "cache", own, config, hash_input(tmp_path), tmp_path / "train")
    images = read_images(tmp_path, *places)
    assert (len(images.real), len(images.unseen)) == (4500, 1000)
    assert images.metrics["unseen"] == 1000


def test_the_usual_names_of_its_keys_lead_to_them() -> None:
    ended = call(ROOT, "build.py", "--competition", NAME, "--set", "image_size=64")
    assert "did you mean 'image_px'?" in ended.stderr
    ended = call(ROOT, "build.py", "--competition", "picture")
    assert "there is no competition 'picture'" in ended.stderr
    ended = call(ROOT, "build.py", "--set", "image_px=64")
    assert "--competition images" in ended.stderr
    with pytest.raises(InputError, match="'first-seed' makes no pictures of 64 px"):
        make_config("first-seed", {"image_px": 64}, NAME)


def test_a_whole_run_on_a_folder_of_pictures_and_again(tmp_path: Path) -> None:
    tree = copy_sources(tmp_path / "tree")
    folder, output = write_folder(tmp_path / "in put", 30), tmp_path / "output"
    (folder / "broken.jpg").write_bytes(encode(draw(40, 40, 3), "JPEG")[:-200])
    (folder / "labels.csv").write_text("x")
    words = ["run", "--competition", NAME, "--input", str(folder), "--output", str(output)]
    words += [*list_options(QUICK), "--set", "image_name=p{:02d}.png"]
    ended = call(tree, "build.py", *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "passed over: 1 x .csv" in ended.stdout
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["kept"], metrics["rejected"]) == (30, 1)
    assert metrics["rejected_by_reason"] == {"truncated image": 1}
    assert metrics["fid"] > 0
    with zipfile.ZipFile(output / "images.zip") as archive:
        assert archive.namelist() == [f"p{index:02d}.png" for index in range(12)]
    assert np.load(output / "features.npy").shape == (12, 2048)
    assert not (output / "submission.csv").exists()
    assert "Kernelpress: Pictures by recipe" in (output / "report.html").read_text()
    manifest = json.loads((output / "run_manifest.json").read_text())
    assert manifest["config"]["competition"] == NAME
    (output / "images.zip").unlink()
    whole = call(tree, "build.py", *words)
    assert "images.zip is missing" in whole.stdout
    assert (whole.returncode, "lie in" in whole.stdout) == (0, True), whole.stderr
    (folder / "000.png").unlink()
    other = call(tree, "build.py", *words)
    assert other.returncode == 2
    assert "another configuration, got data:" in other.stderr
