"""recipes.pixel.clusters: clusters that part kinds of pictures, their shares and their draws."""

import numpy as np
import pytest
import torch

from lib.kernel.metrics.pixel_statistics import classify_images
from lib.kernel.recipes.pixel.clusters import Clusters, count_codes, describe_pictures
from lib.synthetic.look_alike import look_alike

pytestmark = pytest.mark.ships


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(look_alike(3000, 0)[:, None])


def learn(pictures: torch.Tensor, count: int, seed: int = 0) -> Clusters:
    codebook = Clusters(count, pictures.shape[1])
    codebook.learn(pictures, seed)
    return codebook


def test_clusters_part_the_kinds_of_the_look_alike(pictures: torch.Tensor) -> None:
    codes = learn(pictures, 20).assign(pictures).numpy()
    kinds = classify_images(np.repeat(pictures.numpy(), 3, axis=1))
    pure = sum(np.unique(kinds[codes == code], return_counts=True)[1].max() for code in set(codes))
    assert pure > 0.95 * len(pictures)  # the most frequent kind alone has 0.45


def test_shares_are_those_of_the_images_and_draws_keep_to_them(pictures: torch.Tensor) -> None:
    codebook = learn(pictures, 12)
    counts = torch.bincount(codebook.assign(pictures), minlength=12)
    torch.testing.assert_close(codebook.shares, counts / len(pictures))
    drawn = codebook.draw(torch.arange(10_000) / 10_000)
    shares = torch.bincount(drawn, minlength=12) / 10_000
    torch.testing.assert_close(shares, codebook.shares, rtol=0, atol=2e-4)
    assert (drawn.diff() >= 0).all()


def test_nats_are_the_entropy_on_the_images_themselves(pictures: torch.Tensor) -> None:
    codebook = learn(pictures, 12)
    entropy = -(codebook.shares * codebook.shares.log()).sum()
    torch.testing.assert_close(codebook.nats(codebook.assign(pictures)), entropy)
    assert float(learn(pictures, 1).nats(torch.zeros(5).long())) == 0.0


def test_equal_seeds_give_equal_codes(pictures: torch.Tensor) -> None:
    one, two = learn(pictures, 12), learn(pictures, 12)
    assert torch.equal(one.centres, two.centres)
    assert not torch.equal(one.centres, learn(pictures, 12, seed=1).centres)


@pytest.mark.parametrize("channels", [1, 3])
def test_fewer_pictures_than_codes_leave_codes_that_are_never_drawn(channels: int) -> None:
    pictures = torch.zeros(9, channels, 32, 32, dtype=torch.uint8)
    pictures[5:] = 255
    codebook = learn(pictures, 7)
    assert len(set(codebook.assign(pictures).tolist())) == 2
    assert sorted(codebook.shares.unique().tolist()) == pytest.approx([0, 4 / 9, 5 / 9])
    edges = torch.tensor([0.0, 0.3, 0.99999997])
    assert (codebook.shares[codebook.draw(edges)] > 0).all()


def test_descriptions_tell_tones_and_roughness_apart() -> None:
    grey = torch.full((1, 1, 32, 32), 128, dtype=torch.uint8)
    checks = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    checks[..., ::2, ::2] = checks[..., 1::2, 1::2] = 255
    one, two = describe_pictures(torch.cat([grey, checks]))
    assert one[:64].sub(two[:64]).abs().max() < 1e-3  # the blocks are alike
    assert (one[64], two[64]) == (0.5, 0.0)
    assert (one[65], two[65]) == (0.0, 1.0)


def test_the_number_of_codes_follows_the_images() -> None:
    assert [count_codes(images) for images in (10, 300, 11_000, 60_000)] == [1, 2, 73, 256]
