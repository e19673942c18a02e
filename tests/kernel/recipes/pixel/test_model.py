"""lib.kernel.recipes.pixel.model and sampler: causality, cached evaluation, likelihood."""

import math

import pytest
import torch

from lib.kernel.recipes.pixel.losses import pixel_nll
from lib.kernel.recipes.pixel.model import (
    NEAR,
    Head,
    PixelModel,
    PixelShape,
    measure_runs,
    predict_values,
)
from lib.kernel.recipes.pixel.sampler import PixelWalk, choose_values, draw_pictures
from lib.kernel.recipes.pixel.trainer import pick_places, weigh_places

pytestmark = pytest.mark.ships


CODES = 3
SIDE = 12  # as long as the window is wide, so that its edges take part


def make_model(channels: int, side: int = SIDE) -> PixelModel:
    """A model whose zero-initialised layers take part as well."""
    torch.manual_seed(channels)
    model = PixelModel(PixelShape(channels, width=32, depth=2, side=side, codes=CODES)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += torch.randn_like(weight) * 0.05
    return model.requires_grad_(False)


def make_pictures(channels: int, count: int = 4, side: int = SIDE) -> torch.Tensor:
    pictures = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8)
    pictures[0] = (pictures[0] > 100) * 255
    return pictures


def some_codes(pictures: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(pictures)) % CODES


def all_places(pictures: torch.Tensor) -> torch.Tensor:
    return torch.arange(pictures.shape[-1] ** 2).expand(len(pictures), -1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("place", [0, 5, SIDE, 70, SIDE * SIDE - 1])
def test_logits_do_not_see_the_pixel_or_what_follows(channels: int, place: int) -> None:
    model, pictures = make_model(channels), make_pictures(channels)
    before = model(pictures, all_places(pictures), some_codes(pictures))
    changed = pictures.clone()
    changed.flatten(2)[:, :, place:] = 255 - changed.flatten(2)[:, :, place:]
    after = model(changed, all_places(pictures), some_codes(pictures))
    assert torch.equal(before[:, :place], after[:, :place])
    assert torch.equal(before[:, place, 0], after[:, place, 0])
    if place + 1 < SIDE * SIDE:
        assert not torch.equal(before[:, place + 1], after[:, place + 1])


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_channels_of_a_pixel_follow_each_other(channel: int) -> None:
    model, pictures = make_model(3), make_pictures(3)
    before = model(pictures, all_places(pictures), some_codes(pictures))[:, 40]
    changed = pictures.clone()
    changed.flatten(2)[:, channel, 40] += 99
    after = model(changed, all_places(pictures), some_codes(pictures))[:, 40]
    differs = (after != before).any(-1).any(0)
    assert differs.tolist() == [later > channel for later in range(3)]


def test_each_pixel_sees_the_code() -> None:
    model, pictures = make_model(1), make_pictures(1)
    before = model(pictures, all_places(pictures), some_codes(pictures))
    after = model(pictures, all_places(pictures), (some_codes(pictures) + 1) % CODES)
    assert (before != after).any(-1).all()


def test_runs_are_those_of_a_plain_count() -> None:
    pictures = (torch.rand(3, 2, 9, 9) < 0.2).to(torch.uint8) * 255
    runs = measure_runs(pictures)
    for picture, found in zip(pictures, runs, strict=True):
        for y in range(9):
            for x in range(9):
                before = [tuple(value) for value in picture[:, y, :x].T.tolist()][::-1]
                alike = next((n for n, v in enumerate(before) if v != before[0]), x)
                assert found[y, x] == alike


def test_predictions_are_those_of_jpeg_ls() -> None:
    pictures = make_pictures(2)
    found = predict_values(pictures)
    for picture, predicted in zip(pictures.tolist(), found.tolist(), strict=True):
        for values, own in zip(picture, predicted, strict=True):
            for y in range(SIDE):
                for x in range(SIDE):
                    left = values[y][x - 1] if x else 0
                    above = values[y - 1][x] if y else 0
                    corner = values[y - 1][x - 1] if x and y else 0
                    # ITU-T T.87, A.4.1
                    if corner >= max(left, above):
                        assert own[y][x] == min(left, above)
                    elif corner <= min(left, above):
                        assert own[y][x] == max(left, above)
                    else:
                        assert own[y][x] == left + above - corner


@pytest.mark.parametrize("predicted", [0, 3, 100, 250, 255])
def test_logits_near_the_prediction_move_with_it(predicted: int) -> None:
    head = Head(16, before=0)
    with torch.no_grad():
        head.near.weight.normal_()
        hidden, nothing = torch.randn(1, 16), torch.zeros(1, 0, dtype=torch.uint8)
        free = head.logits(head.norm(head.block(hidden)))
        near = head.near(head.norm(head.block(hidden)))[0]
        moved = head(hidden, nothing, torch.tensor([[predicted]])) - free
    for value in range(256):
        offset = value - predicted
        expected = near[offset + NEAR] if abs(offset) <= NEAR else torch.tensor(0.0)
        torch.testing.assert_close(moved[0, value], expected, rtol=0, atol=1e-5)


def test_a_channel_is_expected_to_err_as_the_one_before() -> None:
    head = Head(16, before=1)
    with torch.no_grad():
        head.logits.weight.zero_()
        head.near.weight.zero_()
        head.near.weight[NEAR] = 10.0  # the predicted value itself
        head.norm.weight.zero_()
        head.norm.bias.fill_(1.0)
        red, expected = torch.tensor([[120]], dtype=torch.uint8), torch.tensor([[100, 50]])
        assert int(head(torch.randn(1, 16), red, expected).argmax()) == 50 + 20


def test_every_earlier_pixel_is_seen() -> None:
    model = make_model(1)
    pictures = make_pictures(1, count=1).expand(SIDE * SIDE - 1, -1, -1, -1).clone()
    before = model(pictures[:1], all_places(pictures[:1]), torch.zeros(1).long())[0, -1]
    number = torch.arange(len(pictures))
    pictures.flatten(1)[number, number] += 128
    last, codes = torch.full((len(pictures), 1), SIDE * SIDE - 1), torch.zeros(len(pictures)).long()
    after = model(pictures, last, codes)[:, 0]
    assert (after != before).any(-1).any(-1).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_cached_evaluation_equals_the_full_pass(channels: int) -> None:
    model, pictures = make_model(channels), make_pictures(channels)
    full = model(pictures, all_places(pictures), some_codes(pictures))
    walk = PixelWalk(model, some_codes(pictures))
    for y in range(SIDE):
        walk.begin_row(y)
        for x in range(SIDE):
            walk.begin_pixel(y, x)
            for channel in range(channels):
                logits = walk.logits(y, x, channel)
                torch.testing.assert_close(
                    logits, full[:, y * SIDE + x, channel], rtol=0, atol=1e-4
                )
                walk.put(y, x, channel, pictures[:, channel, y, x])
    assert torch.equal(walk.images, pictures)
    assert full.std() > 0.1


def test_a_few_places_give_the_same_logits_as_all() -> None:
    model, pictures = make_model(3), make_pictures(3)
    full = model(pictures, all_places(pictures), some_codes(pictures))
    places = torch.randint(0, SIDE * SIDE, (len(pictures), 9))
    some = model(pictures, places, some_codes(pictures))
    expected = full[torch.arange(len(pictures))[:, None], places]
    torch.testing.assert_close(some, expected, rtol=0, atol=1e-5)


def test_values_are_the_distribution_s_quantiles() -> None:
    chances = torch.tensor([0.25, 0.0, 0.5, 0.25])
    uniforms = torch.tensor([0.0, 0.2, 0.26, 0.7, 0.76, 0.9999999])
    chosen = choose_values(chances.log().expand(6, -1), uniforms)
    assert chosen.tolist() == [0, 0, 2, 2, 3, 3]


def test_a_rare_tail_is_left_out_only_where_all_of_it_is_rare() -> None:
    flat = torch.tensor([0.9990, 0.0004, 0.0006, 0.0])
    parting = torch.tensor([0.93, 0.0] + [0.07 / 14] * 14)
    dots = torch.tensor([0.0005, 0.5, 0.4995, 0.0])
    uniforms = torch.tensor([0.99935, 0.9999])
    for chances, kept, cut in ((flat, [1, 2], [0, 0]), (parting, [15, 15], [15, 15])):
        logits = chances.log().expand(2, -1)
        assert choose_values(logits, uniforms, 0.0).tolist() == kept
        assert choose_values(logits, uniforms, 0.01).tolist() == cut
    assert choose_values(dots.log().expand(1, -1), torch.tensor([0.0]), 0.01).tolist() == [1]


def test_places_are_drawn_so_that_the_mean_stays_true() -> None:
    """The weighted mean of any pixel-wise quantity has the plain mean as its expectation."""
    images = torch.zeros(3, 1, SIDE, SIDE, dtype=torch.uint8)
    images[1, :, 2:7, 3:9] = 255
    images[2] = torch.randint(0, 256, (1, SIDE, SIDE), dtype=torch.uint8)
    quantity = torch.rand(3, SIDE * SIDE)
    random = torch.Generator().manual_seed(0)
    places, weights = pick_places(images, 200_000, random)
    estimate = (quantity.gather(1, places) * weights).mean(1)
    torch.testing.assert_close(estimate, quantity.mean(1), rtol=0, atol=5e-3)
    counts = torch.bincount(places[1], minlength=SIDE * SIDE).view(SIDE, SIDE)
    assert counts[2, 3] > 3 * counts[4, 5] > 0
    importance = weigh_places(SIDE)
    places, weights = pick_places(images, 200_000, random, importance)
    estimate = (quantity.gather(1, places) * weights).mean(1)
    expected = (quantity * importance).sum(1) / importance.sum()
    torch.testing.assert_close(estimate, expected, rtol=0, atol=5e-3)
    everything, ones = pick_places(images, 0, random)
    assert everything.tolist() == [list(range(SIDE * SIDE))] * 3
    assert (ones == 1).all()


def test_low_temperature_draws_the_mode_and_equal_uniforms_equal_pictures() -> None:
    model = make_model(1)
    codes = torch.tensor([0, 1, 2])
    one = draw_pictures(model, codes, torch.rand(3, SIDE, SIDE, 1), 1e-7)
    two = draw_pictures(model, codes, torch.rand(3, SIDE, SIDE, 1), 1e-7)
    assert torch.equal(one, two)
    uniforms = torch.rand(3, SIDE, SIDE, 1)
    again = draw_pictures(model, codes, uniforms, 1.0)
    assert torch.equal(draw_pictures(model, codes, uniforms, 1.0), again)
    assert not torch.equal(again[0], again[1])


def test_likelihood_approaches_the_entropy_of_a_toy_distribution() -> None:
    """White with chance 0.3 or 0.8, one of them for a whole picture: known entropy."""
    torch.manual_seed(0)
    side = 6
    model = PixelModel(PixelShape(1, width=32, depth=1, side=side))
    adam = torch.optim.Adam(model.parameters(), 5e-3)
    places = torch.arange(side * side).expand(64, -1)

    def draw(count: int) -> torch.Tensor:
        share = torch.where(torch.rand(count, 1, 1, 1) < 0.5, 0.3, 0.8)
        return ((torch.rand(count, 1, side, side) < share) * 255).to(torch.uint8)

    for _ in range(150):
        pictures = draw(64)
        logits = model(pictures, places, torch.zeros(64).long())
        loss = pixel_nll(logits, pictures.flatten(2).transpose(1, 2))
        adam.zero_grad()
        loss.backward()
        adam.step()
    entropy = _mixture_entropy(side * side, 0.3, 0.8) / (side * side)
    fresh = draw(2048)
    with torch.no_grad():
        logits = model(fresh, places[:1].expand(2048, -1), torch.zeros(2048).long())
    held_out = pixel_nll(logits, fresh.flatten(2).transpose(1, 2)).item()
    assert entropy - 0.01 < held_out < entropy + 0.03


def _mixture_entropy(pixels: int, one: float, other: float) -> float:
    """Nats of a picture whose pixels are white with one of two equally likely chances."""
    total = 0.0
    for whites in range(pixels + 1):
        chances = [p**whites * (1 - p) ** (pixels - whites) for p in (one, other)]
        chance = sum(chances) / 2
        total -= math.comb(pixels, whites) * chance * math.log(chance)
    return total
