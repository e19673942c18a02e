"""One kernel for two variants: both CONFIGs at its top, the modules of both, or a refusal."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import Bundle, build_bundle
from lib.bundler.unbundling.rebuild import find_differences
from lib.commands.book.pack_text import NamedConfig
from lib.commands.bundling.rebuild_kernel import rebuild_kernel
from lib.commands.pack_build import build_pack, make_pack_entry, share_config
from lib.kernel.recipes.table import make_config
from tests.commands.renew_kernels import ROOT, build_text, list_modules
from tests.local_runs import copy_sources

LAUNCHER = "lib/kernel/side_by_side.py"


def name_two(one: str, other: str) -> list[NamedConfig]:
    configs = (make_config(one, {"minutes": 30.0}), make_config(other, {"minutes": 60.0}))
    return [NamedConfig(f"{config.recipe}-x", config) for config in configs]


@cache
def build(one: str, other: str) -> Bundle:
    return build_bundle(make_pack_entry(ROOT, name_two(one, other)))


def test_a_pack_holds_the_modules_of_both_and_the_launcher() -> None:
    both = {line for name in ("pixel", "edm") for line in list_modules(build_text(name)).split()}
    assert set(list_modules(build("pixel", "edm")).split()) == both | {LAUNCHER}
    assert LAUNCHER not in list_modules(build_text("auto", full=True))


def test_both_configs_stand_at_the_top() -> None:
    lines = build("pixel", "edm").text.split("\n")
    first, second = lines.index("CONFIG_1 = {"), lines.index("CONFIG_2 = {")
    assert first < 60
    assert second < 110
    for at, name, number in ((first, "pixel", 1), (second, "edm", 2)):
        told = f"# Variant {number} of 2, whose files go into the folder {name}-x."
        assert lines[at - 2] == told
        (recipe,) = (line for line in lines[at : at + 8] if line.startswith("    'recipe':"))
        assert recipe.split("#")[0].split() == ["'recipe':", f"'{name}',"]
        assert recipe.endswith("# name: what is trained; this variant knows no other")
    head = lines[: first - 3]
    assert len(head) < 40
    assert all(line.startswith("#") for line in head)
    words = [line[2:16].strip() for line in head if line[2:16].strip().isupper()]
    expected = ["WHAT", "READS", "WRITES", "TAKES", "CHANGE FIRST", "FORK", "EDIT", "LICENCE"]
    assert words == expected
    assert "At most 60 minutes" in re.sub(r"\s*\n# +", " ", "\n".join(head))


def test_the_entry_names_for_each_variant_what_its_own_kernel_names() -> None:
    """A stage or recipe of the other would change what CONFIG means."""
    text = build("pixel", "r3gan").text
    start = text.index("def run_variant")
    entry = text[start : text.index("# ---- end of kernel.py", start)]
    pixel, r3gan = entry.split("'r3gan-x': (")[-2:]
    assert "(PIXEL, )" in pixel
    assert "(R3GAN, )" in r3gan
    assert ("finetune=" in pixel, "finetune=" in r3gan) == (False, True)


def test_a_pair_that_does_not_fit_is_refused_with_a_cure(tmp_path: Path) -> None:
    root = copy_sources(tmp_path / "root")
    with pytest.raises(InputError) as refused:
        build_pack(root, name_two("auto", "first-seed"))
    assert refused.value.what == "auto-x and first-seed-x do not fit into one kernel"
    assert "900,000 bytes at most" in str(refused.value)
    assert "sweep without --pack" in refused.value.cure
    assert not (root / "build" / "kernel.py").exists()


def test_a_pack_is_checked_by_its_configs(tmp_path: Path) -> None:
    """`check` once called its manifest one of another version."""
    built = build_pack(copy_sources(tmp_path / "root"), name_two("pixel", "edm"))
    recorded = json.loads(built.manifest_path.read_text())
    anew = rebuild_kernel(recorded, built.manifest_path)
    assert find_differences(built.path.read_bytes(), recorded, anew, "kernel.py") == []
    recorded["variants"].reverse()
    anew = rebuild_kernel(recorded, built.manifest_path)
    assert find_differences(built.path.read_bytes(), recorded, anew, "kernel.py") != []
    del recorded["variants"][0]["config"]["lr"]
    with pytest.raises(InputError, match="of another version"):
        rebuild_kernel(recorded, built.manifest_path)


def test_what_both_have_and_the_longer_time_is_recorded() -> None:
    shared = share_config(name_two("pixel", "edm"))
    assert shared["minutes"] == 60.0
    assert shared["samples"] == 1000
    assert "recipe" not in shared
