"""Extractors against the competition page's snippet, torchvision's transforms, and themselves."""

import contextlib
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.base.errors import InputError, PipelineError
from lib.commands.offline.cached_features import read_cached
from lib.kernel.configuration.config import OFFICIAL, PREPROCESSINGS, Config
from lib.kernel.device.device import Device
from lib.kernel.metrics import features as features_module
from lib.kernel.metrics.fast_path_bias import measure_fast_path_bias
from lib.kernel.metrics.feature_cache import ChunkStore, find_distinct, hash_key
from lib.kernel.metrics.features import (
    cached_features,
    exact_arithmetic,
    extract_features,
    load_extractor,
)
from lib.kernel.metrics.fid import features_to_statistics
from lib.kernel.metrics.inception import load_inception
from lib.kernel.metrics.preprocess import list_preprocessings, resize_on_device
from lib.kernel.metrics.torchvision_import import import_torchvision

CPU = Device(torch.device("cpu"), None, "cpu")
STANDIN = Path(
    os.environ.get("INCEPTION_STANDIN")
    or Path(__file__).parents[4] / "shared" / "inception" / "inception_v3_standin_fp16.pt"
)


def draw_images(count, seed=0):
    """Seeded (count, 3, 32, 32) uint8: flat boxes, sparse white pixels, soft grey, in turn."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 1, 32, 32), np.uint8)
    for row in range(count):
        if row % 3 == 0:
            images[row, :, rng.integers(1, 5) : 29, rng.integers(1, 5) : 30] = 255
        elif row % 3 == 1:
            images[row] = 255 * (rng.random((32, 32)) < rng.uniform(0.04, 0.24))
        else:
            images[row] = rng.integers(0, 256, (32, 32))
    return images.repeat(3, axis=1)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(load_inception(None, 5, torch.device("cpu")).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def extractor(random_weights):
    return load_extractor(Config(), random_weights, CPU)


def compute_by_the_page(images, path):
    """The snippet of the competition's page, image by image; the weights come from a file."""
    torchvision = import_torchvision("torchvision")
    transforms = import_torchvision("torchvision.transforms")
    model = torchvision.models.inception_v3(weights=None, aux_logits=True, init_weights=False)
    model.transform_input = True
    state = {key: value.float() for key, value in torch.load(path, weights_only=True).items()}
    model.load_state_dict(state, strict=False)
    model.fc = torch.nn.Identity()
    model.eval()
    transform = transforms.Compose([transforms.Resize((299, 299)), transforms.ToTensor()])
    rows = []
    with torch.no_grad():
        for image in images:
            picture = Image.fromarray(image.transpose(1, 2, 0)).convert("RGB")
            rows.append(model(transform(picture).unsqueeze(0)).squeeze(0).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("which", ["random", "stand-in"])
def test_batches_give_what_the_page_gives_image_by_image(which, random_weights, extractor):
    if which == "stand-in" and not STANDIN.is_file():
        pytest.skip("no stand-in weights: set INCEPTION_STANDIN to their file")
    path = random_weights if which == "random" else STANDIN
    own = extractor if which == "random" else load_extractor(Config(), path, CPU)
    images = draw_images(4)
    expected = compute_by_the_page(images, path)
    deviation = np.sqrt(expected.var(axis=0).mean())
    found = extract_features(images, own)
    assert found.dtype == np.float32
    # Random weights amplify rounding: the page's own float32 is about 1e-4 from float64 there.
    assert np.abs(found - expected).max() < (1e-4 if which == "stand-in" else 3e-4) * deviation


def test_a_picture_has_the_same_bits_alone_and_among_others(extractor):
    images = draw_images(10, seed=1)
    features = extract_features(images, extractor)
    assert np.array_equal(extract_features(images[::-1], extractor)[::-1], features)
    assert np.array_equal(extract_features(images[7:8], extractor), features[7:8])


def test_every_named_preprocessing_of_the_configuration_exists():
    assert set(PREPROCESSINGS) <= set(list_preprocessings())


@pytest.mark.parametrize("name", [OFFICIAL, "imagenet-norm", "nearest"])
def test_preprocessings_are_torchvisions_transforms_to_the_bit(name):
    transforms = import_torchvision("torchvision.transforms")
    modes = transforms.InterpolationMode
    steps = [
        transforms.Resize((299, 299), modes.NEAREST if name == "nearest" else modes.BILINEAR),
        transforms.ToTensor(),
    ]
    if name == "imagenet-norm":
        steps.append(transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    way = list_preprocessings()[name]
    for image in np.random.default_rng(2).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8):
        expected = transforms.Compose(steps)(Image.fromarray(image.transpose(1, 2, 0)))
        assert torch.equal(way.scale(way.resize(image)[None])[0], expected)


def test_resize_on_the_device_is_pillows_but_for_rare_levels():
    images = draw_images(6, seed=3)
    exact = torch.stack([list_preprocessings()[OFFICIAL].resize(image) for image in images])
    off = (resize_on_device(torch.from_numpy(images)) * 255 - exact).abs().round()
    assert off.max() <= 1
    assert (off > 0).float().mean() < 0.01


def test_extractors_say_which_they_are(extractor):
    exact = extractor.describe()
    for words in ("(official)", "exact path, float32", "random.pth (sha256 "):
        assert words in exact
    random = load_extractor(Config(seed=1), None, CPU, fast=True).describe()
    for words in (
        "RANDOM WEIGHTS of seed 1",
        "75 px",
        "fast path (float32, resized on the device)",
    ):
        assert words in random


def test_random_weights_look_at_small_pictures_and_still_tell_them_apart():
    random = load_extractor(Config(), None, CPU)
    images = draw_images(6)
    assert random.preprocessing.resize(images[0]).shape == (3, 75, 75)
    features = extract_features(images, random)
    assert np.isfinite(features).all()
    apart = np.linalg.norm(features[:, None] - features[None], axis=-1)[~np.eye(6, dtype=bool)]
    assert apart.min() > 0.01 * np.linalg.norm(features, axis=1).max()


def test_error_of_the_fast_path_is_measured_and_printed(extractor, capsys):
    images = draw_images(8, seed=4)
    real = features_to_statistics(extract_features(draw_images(8, seed=5), extractor))
    fast = dataclasses.replace(extractor, is_fast=True)
    error = measure_fast_path_bias(images, extractor, fast, real)
    assert 0 < abs(error.difference) < 0.02 * error.exact
    assert f"the fast path's FID is {error.difference:+.3g} off" in capsys.readouterr().out


def test_distinct_images_are_found_in_order():
    images = draw_images(6, seed=6)[[0, 1, 0, 2, 1, 5, 0]]
    first, place = find_distinct(images)
    assert first.tolist() == [0, 1, 3, 5]
    assert place.tolist() == [0, 1, 0, 2, 1, 3, 0]


class Counting(torch.nn.Module):
    """A cheap network that counts its batches and can be told to fail."""

    def __init__(self):
        super().__init__()
        self.batches = 0
        self.fails_after = 10**9
        self.factor = torch.linspace(1, 2, 2048)

    def forward(self, x):
        self.batches += 1
        if self.batches > self.fails_after:
            raise KeyboardInterrupt
        return x.mean(dim=(1, 2, 3))[:, None] * self.factor


@pytest.fixture
def counting(extractor, monkeypatch):
    monkeypatch.setattr(features_module, "_CHUNK", 16)
    return dataclasses.replace(extractor, network=Counting())


def test_cached_features_are_computed_once(counting, tmp_path):
    images = draw_images(40)
    features = cached_features(images, counting, tmp_path, "host")
    batches = counting.network.batches
    assert np.array_equal(cached_features(images, counting, tmp_path, "host"), features)
    assert counting.network.batches == batches
    assert np.array_equal(extract_features(images, counting), features)


def test_a_stopped_extraction_goes_on_after_its_last_whole_chunk(counting, tmp_path):
    images = np.random.default_rng(7).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    counting.network.fails_after = 3  # batches of 8: in the second chunk of 16
    with pytest.raises(KeyboardInterrupt):
        cached_features(images, counting, tmp_path, "host")
    counting.network.fails_after = 10**9
    counting.network.batches = 0
    resumed = cached_features(images, counting, tmp_path, "host")
    assert counting.network.batches == 3
    whole = cached_features(images, counting, tmp_path / "other", "host")
    assert np.array_equal(resumed, whole)


def test_a_damaged_chunk_is_computed_again(counting, tmp_path, capsys):
    images = np.random.default_rng(8).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    features = cached_features(images, counting, tmp_path, "host")
    paths = sorted(tmp_path.rglob("*.bin"))
    assert [path.name[:-4] for path in paths[:3]] == [f"features-000{k}" for k in range(3)]
    assert [path.name for path in paths[3:]] == ["places.bin"]
    assert np.array_equal(read_cached(paths[0].parent), features)
    for damage in (
        lambda old: old[:-1] + bytes([old[-1] ^ 1]),
        lambda old: old[:20],
        lambda _: b"",
    ):
        for path in (paths[1], paths[3]):
            path.write_bytes(damage(path.read_bytes()))
            with pytest.raises(InputError, match="is not whole"):
                read_cached(path.parent)
            assert np.array_equal(cached_features(images, counting, tmp_path, "host"), features)
            assert "damaged" in capsys.readouterr().out
            assert np.array_equal(read_cached(path.parent), features)
    assert cached_features(images, counting, tmp_path, "host").shape == features.shape
    assert "damaged" not in capsys.readouterr().out


def test_the_cache_alone_gives_every_image_its_features(counting, tmp_path):
    """Chunks hold distinct images once: which of them each image is must be kept too."""
    distinct = draw_images(7)
    images = distinct[[3, 0, 3, 1, 2, 2, 5, 4, 6, 0]]
    features = cached_features(images, counting, tmp_path, "host")
    (folder,) = tmp_path.iterdir()
    assert np.array_equal(read_cached(folder), features)


def test_the_cache_tells_images_weights_and_policies_apart(counting, tmp_path):
    images = draw_images(4)
    others = [
        (images[:3], counting, "host"),
        (images, dataclasses.replace(counting, weights_hash="else"), "host"),
        (images, dataclasses.replace(counting, is_fast=True), "host"),
        (images, counting, "first-seed"),
    ]
    cached_features(images, counting, tmp_path, "host")
    for number, (some, other, key) in enumerate(others, start=2):
        cached_features(some, other, tmp_path, key)
        assert len(list(tmp_path.iterdir())) == number


def test_chunks_of_another_size_are_not_taken(tmp_path):
    store = ChunkStore(tmp_path, 5)
    written = np.arange(15, dtype=np.float32).reshape(3, 5)
    store.write(0, written)
    assert np.array_equal(store.read(0, 3), written)
    assert store.read(0, 4) is None
    assert store.read(1, 3) is None
    assert ChunkStore(tmp_path, 4).read(0, 3) is None


def test_keys_change_with_every_part():
    images = draw_images(2)
    changed = images.copy()
    changed[1, 2, 31, 31] ^= 1
    keys = {
        hash_key(images, ("a", "b")),
        hash_key(changed, ("a", "b")),
        hash_key(images, ("ab",)),
        hash_key(images.reshape(1, 6, 32, 32), ("a", "b")),
    }
    assert len(keys) == 4


def test_flags_of_the_process_are_restored():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with contextlib.suppress(InterruptedError), exact_arithmetic():
            assert torch.get_float32_matmul_precision() == "highest"
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.allow_tf32
            raise InterruptedError
        assert torch.get_float32_matmul_precision() == "high"
        assert not torch.backends.cudnn.deterministic
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 32, 32), np.uint8),
        np.zeros((2, 3, 32, 32), np.float32),
        np.zeros((3, 32, 32), np.uint8),
        np.zeros((0, 3, 32, 32), np.uint8),
    ],
)
def test_images_of_another_form_are_refused(images, extractor, tmp_path):
    with pytest.raises(InputError, match="wrong form"):
        extract_features(images, extractor)
    with pytest.raises(InputError, match="wrong form"):
        cached_features(images, extractor, tmp_path, "host")


def test_features_that_are_not_finite_are_an_error(counting):
    counting.network.factor[3] = torch.nan
    with pytest.raises(PipelineError, match="not finite"):
        extract_features(draw_images(2), counting)
