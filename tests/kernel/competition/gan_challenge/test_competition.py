"""The first look at the input: how many records there are at least, and some of their images."""

from pathlib import Path

import numpy as np
import pytest

from lib.kernel.competition.gan_challenge.competition import glance
from lib.kernel.competition.gan_challenge.dataset import decode_dataset
from lib.kernel.recipes.table import make_config
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards

pytestmark = pytest.mark.ships


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_glance_counts_all_records_and_decodes_as_the_recipe_does(
    ending: str, tmp_path: Path
) -> None:
    write_shards(look_alike(30, seed=1), tmp_path / "in", seed=1, records_per_shard=10, chaos=0)
    for shard in (tmp_path / "in").rglob("data.jsonl"):
        shard.write_text(shard.read_text().rstrip("\n") + ending)
    config = make_config("pixel", {})
    found = glance(tmp_path / "in", config, 10_000)
    assert found.records == 30
    decoded = decode_dataset(tmp_path / "in", tmp_path / "out").load_images()
    assert 0 < len(found.images) <= 30
    first = decoded[: len(found.images)]
    assert np.array_equal(np.broadcast_to(found.images, first.shape), first)


def test_a_glance_reads_no_more_than_it_needs(tmp_path: Path) -> None:
    write_shards(look_alike(30, seed=1), tmp_path / "in", seed=1, records_per_shard=10, chaos=0)
    assert 5 <= glance(tmp_path / "in", make_config("pixel", {}), 5).records < 30
