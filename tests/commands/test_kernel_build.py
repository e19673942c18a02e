"""A kernel reads like a book, and holds what its recipe and its settings need."""

import re
from functools import cache

import pytest

from lib.bundler.bundle import Bundle
from lib.kernel.recipes.table import ROWS
from tests.commands.renew_kernels import KERNELS, build_text, list_modules

FAMILIES = {name: row.module.split(".")[-2] for name, row in ROWS.items()}
PUBLIC = ("first-seed", "second-seed")
MOST_LINES = {  # share of the kernel that holds all
    **dict.fromkeys(PUBLIC, 0.765),  # what reads hostile input and survives kills is in all
    **dict.fromkeys(("pixel", "r3gan", "edm"), 0.87),
}


@cache
def build(recipe: str, full: bool = False) -> Bundle:
    return build_text(recipe, full)


def list_families(bundle: Bundle) -> set[str]:
    paths = [one["path"].split("/") for one in bundle.manifest["inputs"]]
    return {path[3] for path in paths if path[:3] == ["lib", "kernel", "recipes"] and path[4:]}


@pytest.mark.parametrize("recipe", ROWS)
def test_the_modules_of_a_kernel_are_those_on_its_list(recipe: str) -> None:
    """Renew the lists by python -m tests.commands.renew_kernels, and look at git diff."""
    known = (KERNELS / f"{recipe}.txt").read_text(encoding="utf-8")
    assert list_modules(build(recipe)).splitlines() == known.splitlines()


@pytest.mark.parametrize("recipe", [name for name in ROWS if name != "auto"])
def test_a_kernel_names_no_other_recipe_s_folder(recipe: str) -> None:
    bundle = build(recipe)
    assert list_families(bundle) == {FAMILIES[recipe]}
    others = set(FAMILIES.values()) - {FAMILIES[recipe]}
    assert not [name for name in others if f"lib.kernel.recipes.{name}" in bundle.text]


def test_auto_holds_its_candidates_and_full_holds_all() -> None:
    assert list_families(build("auto")) == {"auto", "pixel", "r3gan", "edm"}
    assert list_families(build("first-seed", full=True)) == set(FAMILIES.values())


@pytest.mark.parametrize("recipe", MOST_LINES)
def test_a_kernel_is_shorter_than_the_one_that_holds_all(recipe: str) -> None:
    texts = (build(recipe, full).text for full in (False, True))
    own, whole = (text.partition("\n# ==== runtime ")[0].count("\n") for text in texts)
    assert own / whole <= MOST_LINES[recipe], f"{own:,} of {whole:,} lines"


@pytest.mark.parametrize(
    ("setting", "module"),
    [
        ({"ranks": 1}, "lib/kernel/training/worker_rank.py"),
        ({"graphs": False}, "lib/kernel/device/cuda_graph.py"),
        ({"curate": False}, "lib/kernel/curation/curate.py"),
        ({"sweep": False}, "lib/kernel/sampling/temperature_sweep.py"),
        ({"fid_loss": 0.0}, "lib/kernel/training/fid_finetune.py"),
    ],
)
def test_a_stage_that_is_switched_off_is_left_out(setting: dict[str, object], module: str) -> None:
    assert module in list_modules(build("r3gan"))
    assert module not in list_modules(build_text("r3gan", **setting))
    assert module in list_modules(build_text("r3gan", True, **setting))


def test_another_preprocessing_brings_its_network() -> None:
    module = "lib/kernel/metrics/inception_tf.py"
    assert module not in list_modules(build("r3gan"))
    assert module in list_modules(build_text("r3gan", preprocessing="tf-fid"))


@pytest.mark.parametrize("recipe", ROWS)
def test_a_kernel_begins_with_what_a_reader_wants(recipe: str) -> None:
    lines = build(recipe).text.split("\n")
    start, end = lines.index("CONFIG = {"), lines.index("}")
    head = lines[: start - 2]
    assert len(head) < 40
    assert all(line.startswith("#") for line in head)
    assert lines[1].startswith("# content sha256 ")
    words = [line[2:16].strip() for line in head if line[2:16].strip().isupper()]
    expected = ["WHAT", "READS", "WRITES", "TAKES", "CHANGE FIRST", "FORK", "EDIT", "LICENCE"]
    assert words == expected
    assert end < 80
    keys = [line.split("'")[1] for line in lines[start + 1 : start + 4]]
    named = next(line for line in head if line.startswith("# CHANGE FIRST"))
    assert re.findall(r"\w+", named)[2:6] == [keys[0], keys[1], "and", keys[2]]
    assert all(" # " in line or "#  " in line for line in lines[start + 1 : end] if "'" in line)


@pytest.mark.parametrize("recipe", ROWS)
def test_chapters_stand_in_the_order_of_a_newspaper(recipe: str) -> None:
    lines = build(recipe).text.split("\n")
    titles = [re.sub(r"[# \d.]+ ", "", line) for line in lines if line.startswith("# " + "#" * 9)]
    titles = [title.strip(" #") for title in titles]
    of_recipes = [title for title in titles if title.lower().startswith(("the recipe", "recipe"))]
    rest = ["The training loop", "Sampling", "The data", "Features and FID", "Curation"]
    rest += ["The submission", "The report", "The run", "Machinery"]
    if recipe in PUBLIC:
        rest.remove("Curation")
    assert titles == [*of_recipes, *rest]
    assert of_recipes[0] == f"The recipe {recipe}"
    banners = [line.split()[2] for line in lines if line.startswith("# ==== ")]
    parts = [f"__bundle__/{name}.py" for name in ("errors", "seldom")]
    assert (banners[0], banners[-4:]) == ("contents", ["runtime", *parts, "files"])
    assert banners[1] == f"lib/kernel/recipes/{FAMILIES[recipe]}/__init__.py"
    first_file = next(
        number for number, line in enumerate(lines, 1) if line.startswith(f"# ==== {banners[2]} ")
    )
    assert first_file < 600


def test_a_reader_of_a_public_recipe_needs_the_first_thousand_lines() -> None:
    """Networks, loss, step and the loop around it stand there."""
    lines = build("first-seed").text.split("\n")[:1000]
    banners = [line.split()[2] for line in lines if line.startswith("# ==== lib")]
    folder = "lib/kernel/recipes/wgan_gp"
    names = ("losses", "trainer", "first_seed", "critic", "recipe")
    needed = [f"{folder}/{name}.py" for name in names]
    needed += [f"lib/kernel/training/{name}.py" for name in ("train", "trainer", "adversarial")]
    assert set(needed) <= set(banners)


def test_the_contents_name_the_lines_of_the_chapters() -> None:
    lines = build("pixel").text.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("# ==== contents"))
    rows = [line[1:].split(None, 1) for line in lines[start + 2 : lines.index("", start)]]
    assert len(rows) == 10
    for number, words in rows:
        title, summary = re.split(r"\s{2,}", words, maxsplit=1)
        assert title in lines[int(number) - 1]
        assert summary[:20] in "".join(lines[int(number) : int(number) + 8])
    assert max(map(len, lines[start : start + 12])) <= 100
